# R's answers for the data sets beside this script: Rscript golden.R (R 4.2.2, sandwich 3.0-2); writes golden.csv.
# Each pair is turned so that base is the reference, else the way round of its first line.
suppressMessages(library(sandwich))
out <- NULL
put <- function(test, condition, reference, ...) {
  v <- c(...)
  out <<- rbind(out, data.frame(test, condition, reference, field = names(v), value = sprintf("%.12g", v)))
}
holm <- function(test, p) {
  for (k in names(p)) { a <- strsplit(k, "/")[[1]]; put(test, a[1], a[2], p_adjusted = p.adjust(p, "holm")[[k]]) }
}
interval <- function(b, se, df) c(estimate = b, ci_low = b - qt(.975, df) * se, ci_high = b + qt(.975, df) * se,
                                  statistic = b / se, df = df, p = 2 * pt(-abs(b / se), df))
for (question in c("ab", "ccr")) {
  d <- read.csv(paste0(question, ".csv"))
  seen <- list()
  for (i in seq_len(nrow(d))) {
    key <- paste(sort(c(d$condition[i], d$reference[i])), collapse = "/")
    if (is.null(seen[[key]])) seen[[key]] <- if (d$condition[i] == "base") d$reference[i] else d$condition[i]
    if (seen[[key]] != d$condition[i]) {
      d[i, c("condition", "reference")] <- d[i, c("reference", "condition")]; d$score[i] <- -d$score[i]
    }
  }
  name <- function(x) paste0(question, "_", x)
  ps <- list()
  for (part in split(d, paste(d$condition, d$reference, sep = "/"))) {
    k <- part$condition[1]; ref <- part$reference[1]; key <- paste(k, ref, sep = "/")
    m <- tapply(part$score, part$participant, mean)
    t <- t.test(m); ps$t[key] <- t$p.value
    put(name("t"), k, ref, n = length(m), estimate = unname(t$estimate), ci_low = t$conf.int[1], ci_high = t$conf.int[2],
        statistic = unname(t$statistic), df = unname(t$parameter), p = t$p.value, effect_size = mean(m) / sd(m))
    fit <- lm(score ~ 1, part); g <- part[, c("participant", "prompt")]
    se <- sqrt(vcovCL(fit, cluster = g, type = "HC0", cadjust = TRUE)[1, 1])
    df <- min(length(unique(g$participant)), length(unique(g$prompt))) - 1
    a <- interval(unname(coef(fit)), se, df); put(name("two_way"), k, ref, a); ps$two_way[key] <- a[["p"]]
    part$early <- as.numeric(part$first == k); fit <- lm(score ~ early, part)
    se <- sqrt(vcovCL(fit, cluster = part$participant, type = "HC1", cadjust = TRUE)[2, 2])
    put(name("order"), k, ref, n = length(m), interval(unname(coef(fit)[2]), se, length(m) - 1))
    if (question == "ab") {
      w <- sum(part$score == 1); l <- sum(part$score == -1); b <- binom.test(w, w + l); ps$binomial[key] <- b$p.value
      put("ab_binomial", k, ref, estimate = unname(b$estimate), ci_low = b$conf.int[1], ci_high = b$conf.int[2],
          statistic = w, p = b$p.value)
    } else {
      z <- m[m != 0]
      v <- suppressWarnings(wilcox.test(m, exact = FALSE, correct = FALSE)); ps$wilcoxon[key] <- v$p.value
      put("ccr_wilcoxon", k, ref, n = length(m), statistic = unname(v$statistic), p = v$p.value, estimate = median(m),
          effect_size = sum(rank(abs(z)) * sign(z)) / sum(rank(abs(z))))
      lo <- t.test(m, mu = -.3, alternative = "greater"); hi <- t.test(m, mu = .3, alternative = "less")
      i <- t.test(m, conf.level = .9)$conf.int; ps$tost[key] <- max(lo$p.value, hi$p.value)
      put("ccr_tost", k, ref, ci_low = i[1], ci_high = i[2], p = ps$tost[[key]])
    }
  }
  for (test in names(ps)) holm(name(test), ps[[test]])
  if (question == "ab") {
    others <- c("lora", "w4", "w8")
    x <- sapply(others, function(k) (d$condition == k) - (d$reference == k))
    y <- (d$score + 1) / 2
    fit <- suppressWarnings(glm(y ~ 0 + x, family = binomial, control = glm.control(epsilon = 1e-14, maxit = 100)))
    v <- vcovCL(fit, cluster = d$participant, type = "HC0", cadjust = TRUE); df <- length(unique(d$participant)) - 1
    p <- NULL
    for (j in seq_along(others)) {
      a <- interval(unname(coef(fit)[j]), sqrt(v[j, j]), df); p[paste0(others[j], "/base")] <- a[["p"]]
      put("ab_bradley_terry", others[j], "base", a, effect_size = unname(plogis(coef(fit)[j])), n = df + 1)
    }
    holm("ab_bradley_terry", p)
  }
}
write.csv(out, "golden.csv", row.names = FALSE, quote = FALSE)
