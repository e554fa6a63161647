# R's answers for the data sets beside this script: Rscript golden.R (R 4.2.2, sandwich 3.0-2); writes golden.csv.
# Two-way: HC0 with cadjust for a mean, each part with its own G / (G - 1). Without common cells: see `between`.
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
      fit <- lm(score ~ z, m)
      part <- function(g) {  # raters and prompts are shared by both conditions: m / (m - 1), m the fewer of the two
        size <- min(tapply(g, m$z, function(x) length(unique(x))))
        c(vcovCL(fit, cluster = g, type = "HC0", cadjust = FALSE)[2, 2] * size / (size - 1), size - 1)
      }
      r <- part(m$participant); q <- part(m$prompt); n <- nrow(m) - sum(m$z)
      cell <- paste(m$participant, m$prompt); sums <- tapply(ifelse(m$z == 1, 1 / sum(m$z), -1 / n) * resid(fit), cell, sum)
      of <- tapply(m$z, cell, mean); v <- 0; for (z in 0:1) v <- v + sum(of == z) / (sum(of == z) - 1) * sum(sums[of == z]^2)
      se <- sqrt(r[1] + q[1] - v); b <- unname(coef(fit)[2]); df <- min(r[2], q[2])
      a <- c(estimate = b, error = se, ci_low = b - qt(.975, df) * se, ci_high = b + qt(.975, df) * se,
             statistic = b / se, df = df, p = 2 * pt(-abs(b / se), df))
    }
    put(set, "two_way", k, a); p[k] <- a[["p"]]
  }
  for (k in others) put(set, "two_way", k, p_adjusted = p.adjust(p, "holm")[[k]])
}
write.csv(out, "golden.csv", row.names = FALSE, quote = FALSE)
