# R's answers on scales other than 1 to 5: Rscript golden.R here (R 4.2.2, sandwich 3.0-2, lme4 1.1-31, lmerTest 3.1-3,
# pbkrtest 0.5.2, ordinal 2022.11-16); writes golden.csv.
suppressMessages({library(sandwich); library(lme4); library(lmerTest); library(pbkrtest); library(ordinal)})
out <- NULL
put <- function(set, test, condition, ...) {
  v <- c(...)
  out <<- rbind(out, data.frame(set, test, condition, field = names(v), value = sprintf("%.12g", v)))
}
answer <- function(set, margin, grades) {
  d <- read.csv(paste0(set, ".csv")); d$condition <- relevel(factor(d$condition), "base")
  for (k in levels(d$condition)) {
    s <- d[d$condition == k, ]; m <- lm(score ~ 1, s); r <- length(unique(s$participant))
    se <- sqrt(vcovCL(m, cluster = s$participant, type = "HC0", cadjust = TRUE)[1, 1])
    put(set, "opinion", k, mean = mean(s$score), sd = sd(s$score), ci_low = mean(s$score) - qt(.975, r - 1) * se,
        ci_high = mean(s$score) + qt(.975, r - 1) * se)
  }
  means <- tapply(d$score, list(d$participant, d$condition), mean)
  tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5), calc.derivs = FALSE,
                       check.conv.singular = "ignore")
  m <- lmer(score ~ condition + (1 | participant) + (1 | prompt) + (1 | participant:condition) + (1 | prompt:condition) +
              (1 | participant:prompt), d, control = tight)
  singular <- any(as.data.frame(VarCorr(m))$vcov < 1e-6)  # then Satterthwaite's degrees of freedom, as the report has it
  adjusted <- if (singular) as.matrix(vcov(m)) else vcovAdj(m)
  for (k in setdiff(levels(d$condition), "base")) {
    z <- means[, k] - means[, "base"]; t <- t.test(z)
    put(set, "paired_t", k, estimate = mean(z), ci_low = t$conf.int[1], ci_high = t$conf.int[2],
        statistic = unname(t$statistic), df = unname(t$parameter), p = t$p.value)
    v <- suppressWarnings(wilcox.test(z, exact = FALSE, correct = FALSE))
    put(set, "wilcoxon", k, statistic = unname(v$statistic), p = v$p.value)
    lo <- t.test(z, mu = -margin, alternative = "greater"); hi <- t.test(z, mu = margin, alternative = "less")
    put(set, "tost", k, p = max(lo$p.value, hi$p.value))
    l <- as.numeric(names(fixef(m)) == paste0("condition", k)); s <- sqrt(sum(l * (adjusted %*% l)))
    f <- if (singular) contest1D(m, l)[["df"]] else Lb_ddf(l, vcov(m), adjusted); e <- sum(l * fixef(m))
    put(set, "lmm", k, estimate = e, statistic = e / s, df = f, p = 2 * pt(-abs(e / s), f))
  }
  if (!grades) return()
  d$o <- factor(d$score, ordered = TRUE); d$participant <- factor(d$participant); d$prompt <- factor(d$prompt)
  c <- summary(clmm(o ~ condition + (1 | participant) + (1 | prompt), d,
                    control = clmm.control(method = "nlminb", gradTol = 1e-5)))$coefficients
  for (k in setdiff(levels(d$condition), "base"))
    put(set, "clmm", k, estimate = c[paste0("condition", k), 1], statistic = c[paste0("condition", k), 3])
}
answer("ten", .75, TRUE); answer("slider", 7.5, FALSE)
write.csv(out, "golden.csv", row.names = FALSE, quote = FALSE)
