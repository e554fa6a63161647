# R's answers for the data sets beside this script: Rscript golden.R (R 4.2.2, sandwich 3.0-2).
# Usage from tests/analysis/data; writes NAME/golden.csv.
suppressMessages(library(sandwich))
# The ends of dz are noncentralities of the t distribution over sqrt(n).
dz <- function(t, n, alpha) {
  end <- function(p) suppressWarnings(uniroot(function(nc) pt(t, n - 1, nc) - p, c(-37, 37), tol = 1e-14))$root / sqrt(n)
  c(effect_low = end(1 - alpha / 2), effect_high = end(alpha / 2))
}
# A difference is taken within participant and prompt, then averaged by participant.
answer <- function(name, baseline, margin = .3) {
  d <- read.csv(file.path(name, "ratings.csv"), colClasses = "character")
  names(d)[names(d) == "rater"] <- "participant"; names(d)[names(d) == "model"] <- "condition"
  d$score <- as.numeric(d$score)
  out <- NULL
  put <- function(test, condition, ...) {
    v <- c(...)
    out <<- rbind(out, data.frame(test = test, condition = condition, field = names(v), value = sprintf("%.12g", v)))
  }
  for (k in sort(unique(d$condition))) {
    s <- d[d$condition == k, ]
    m <- lm(score ~ 1, s); r <- length(unique(s$participant))
    se <- sqrt(vcovCL(m, cluster = s$participant, type = "HC0", cadjust = TRUE)[1, 1])
    put("opinion", k, n = nrow(s), participants = r, mean = mean(s$score), sd = sd(s$score),
        ci_low = mean(s$score) - qt(.975, r - 1) * se, ci_high = mean(s$score) + qt(.975, r - 1) * se)
  }
  place <- paste(d$participant, d$prompt, sep = "/")
  others <- setdiff(sort(unique(d$condition)), baseline)
  pt <- pw <- pe <- NULL
  for (k in others) {
    m <- merge(d[d$condition == k, ], d[d$condition == baseline, ], by = c("participant", "prompt"))
    x <- tapply(m$score.x, m$participant, mean); y <- tapply(m$score.y, m$participant, mean); z <- x - y
    t <- t.test(x, y, paired = TRUE); pt[k] <- t$p.value
    put("paired_t", k, n = length(z), estimate = unname(t$estimate), ci_low = t$conf.int[1], ci_high = t$conf.int[2],
        statistic = unname(t$statistic), df = unname(t$parameter), p = t$p.value, effect_size = mean(z) / sd(z))
    put("paired_t", k, dz(t$statistic, length(z), .05)); put("tost", k, dz(t$statistic, length(z), .1))
    v <- suppressWarnings(wilcox.test(x, y, paired = TRUE, exact = FALSE, correct = FALSE)); pw[k] <- v$p.value
    q <- rank(abs(z[z != 0])); s <- sign(z[z != 0])
    put("wilcoxon", k, n = length(z), statistic = unname(v$statistic), p = v$p.value, effect_size = sum(q * s) / sum(q))
    lo <- t.test(x, y, paired = TRUE, mu = -margin, alternative = "greater")
    hi <- t.test(x, y, paired = TRUE, mu = margin, alternative = "less"); pe[k] <- max(lo$p.value, hi$p.value)
    i <- t.test(x, y, paired = TRUE, conf.level = .9)$conf.int
    put("tost", k, n = length(z), ci_low = i[1], ci_high = i[2], p = pe[[k]],
        statistic = unname(if (lo$p.value >= hi$p.value) lo$statistic else hi$statistic))
  }
  for (k in others) {
    put("paired_t", k, p_adjusted = p.adjust(pt, "holm")[[k]])
    put("wilcoxon", k, p_adjusted = p.adjust(pw, "holm")[[k]])
    put("tost", k, p_adjusted = p.adjust(pe, "holm")[[k]])
  }
  full <- d[place %in% names(which(table(place) == length(others) + 1)), ]
  c0 <- tapply(full$score, list(full$participant, full$condition), mean); f <- friedman.test(c0)
  put("friedman", "", n = nrow(c0), statistic = unname(f$statistic), df = unname(f$parameter), p = f$p.value,
      effect_size = unname(f$statistic) / (nrow(c0) * (ncol(c0) - 1)))
  write.csv(out, file.path(name, "golden.csv"), row.names = FALSE, quote = FALSE)
}
answer("paper_like", "fp32"); answer("incomplete", "base"); answer("ties", "base")
