# R's answers for the mixed model: Rscript mixed.R (R 4.2.2, lme4 1.1-31, lmerTest 3.1-3, pbkrtest 0.5.2).
# Kenward-Roger as lmerTest's contest1D has it, with the adjusted covariance computed once a model.
# The F test is contestMD on orthonormal contrasts: Satterthwaite's df depend on the basis, and lmerTest's anova
# takes one that depends on the order of the conditions.
# Usage from tests/analysis/data/mixed; reads the data sets here and ../NAME/ratings.csv, writes golden.csv.
suppressMessages({library(lme4); library(lmerTest); library(pbkrtest)})
out <- NULL
put <- function(set, model, ddf, term, v) {
  out <<- rbind(out, data.frame(set, model, ddf, term, field = names(v), value = sprintf("%.10g", v)))
}
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5), calc.derivs = FALSE,
                     check.conv.singular = "ignore", boundary.tol = 1e-2)
contrast <- function(m, l, adjusted) {
  if (is.null(adjusted)) {
    x <- contest1D(m, l); x <- c(x[[1]], x[[2]], x[[3]], x[[4]], x[[5]])
  } else {
    e <- sum(l * fixef(m)); s <- sqrt(sum(l * (adjusted %*% l))); f <- Lb_ddf(l, vcov(m), adjusted)
    x <- c(e, s, f, e / s, 2 * pt(-abs(e / s), f))
  }
  setNames(x, c("estimate", "se", "df", "statistic", "p"))
}
# The terms that can be told from the residual (a level has more than one rating) and from those before them.
kept <- function(d, terms) {
  seen <- list(); use <- NULL
  for (term in c(intersect(c("participant", "prompt", "participant:condition", "prompt:condition"), terms),
                 "participant:prompt")) {
    level <- match(x <- do.call(paste, c(d[strsplit(term, ":")[[1]]], sep = "\r")), unique(x))
    if (max(level) == nrow(d) || any(sapply(seen, identical, level))) next
    seen <- c(seen, list(level)); use <- c(use, term)
  }
  use
}
answer <- function(set, path, baseline) {
  d <- read.csv(path, colClasses = "character")
  names(d)[names(d) == "rater"] <- "participant"; names(d)[names(d) == "model"] <- "condition"
  d$score <- as.numeric(d$score)
  k <- c(baseline, setdiff(sort(unique(d$condition)), baseline)); d$condition <- factor(d$condition, k)
  crossed <- c("participant", "prompt", "participant:prompt")
  forms <- list(additive = crossed, interactions = c(crossed, "participant:condition", "prompt:condition"))
  for (model in names(forms)) {
    m <- lmer(reformulate(c("condition", sprintf("(1 | %s)", kept(d, forms[[model]]))), "score"), d, control = tight)
    v <- as.data.frame(VarCorr(m)); s <- v$vcov; names(s) <- tolower(v$grp)
    put(set, model, "", "", c(s, loglik = as.numeric(logLik(m)), n = nobs(m)))
    for (ddf in c("Satterthwaite", "Kenward-Roger")) {
      adjusted <- if (ddf == "Satterthwaite") NULL else vcovAdj(m)
      p <- length(k); mean <- cbind(1, diag(p)[, -1])
      for (i in 1:p) {
        put(set, model, tolower(ddf), k[i], contrast(m, mean[i, ], adjusted)[1:3])
        for (j in seq_len(i - 1))
          put(set, model, tolower(ddf), paste(k[i], k[j], sep = "-"), contrast(m, mean[i, ] - mean[j, ], adjusted))
      }
      h <- contr.helmert(p); h <- h %*% diag(1 / sqrt(colSums(h^2)), p - 1)
      a <- contestMD(m, t(h) %*% mean, ddf = ddf)
      put(set, model, tolower(ddf), "anova", c(statistic = a[1, "F value"], df = a[1, "DenDF"], p = a[1, "Pr(>F)"]))
    }
  }
}
answer("paper_like", "../paper_like/ratings.csv", "fp32")
for (set in c("incomplete", "ties")) answer(set, file.path("..", set, "ratings.csv"), "base")
for (set in c("interactions", "zero", "seven", "seeds", "prompts", "between", "matched", "nested", "once", "sparse"))
  answer(set, paste0(set, ".csv"), "base")
write.csv(out, "golden.csv", row.names = FALSE, quote = FALSE)
