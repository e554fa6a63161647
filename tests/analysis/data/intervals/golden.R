# R's answers for the data sets beside this script: Rscript golden.R (R 4.2.2, sandwich 3.0-2); writes golden.csv.
# Two-way: HC0 with cadjust for a mean, each part with its own G / (G - 1); HC1 adds (N - 1) / (N - K) for a regression.
suppressMessages(library(sandwich))
out <- NULL
put <- function(set, test, condition, ...) {
  v <- c(...)
  out <<- rbind(out, data.frame(set, test, condition, field = names(v), value = sprintf("%.12g", v)))
}
two_way <- function(m, d, type) {
  n <- length(coef(m)); v <- vcovCL(m, cluster = d[, c("participant", "prompt")], type = type, cadjust = TRUE)[n, n]
  b <- unname(coef(m)[n]); df <- min(length(unique(d$participant)), length(unique(d$prompt))) - 1
  c(estimate = b, error = sqrt(v), ci_low = b - qt(.975, df) * sqrt(v), ci_high = b + qt(.975, df) * sqrt(v),
    statistic = b / sqrt(v), df = df, p = 2 * pt(-abs(b / sqrt(v)), df))
}
others <- c("w8", "w4")
for (set in c("incomplete", "unpaired")) {
  d <- read.csv(paste0(set, ".csv"))
  for (k in c("base", others)) {
    s <- d[d$condition == k, ]
    t <- t.test(s$score)
    put(set, "pooled", k, estimate = mean(s$score), ci_low = t$conf.int[1], ci_high = t$conf.int[2], df = nrow(s) - 1)
    put(set, "mean", k, two_way(lm(score ~ 1, s), s, "HC0"))
  }
  p <- NULL
  for (k in others) {
    if (set == "incomplete") {
      m <- merge(d[d$condition == k, ], d[d$condition == "base", ], by = c("participant", "prompt", "seed"))
      m$z <- m$score.x - m$score.y
      a <- two_way(lm(z ~ 1, m), m, "HC0")
    } else {
      m <- d[d$condition %in% c(k, "base"), ]; m$z <- as.numeric(m$condition == k)
      a <- two_way(lm(score ~ z, m), m, "HC1")
    }
    put(set, "two_way", k, a); p[k] <- a[["p"]]
  }
  for (k in others) put(set, "two_way", k, p_adjusted = p.adjust(p, "holm")[[k]])
}
write.csv(out, "golden.csv", row.names = FALSE, quote = FALSE)
