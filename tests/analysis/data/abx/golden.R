# R's answers for the data set beside this script: Rscript golden.R (R 4.2.2, sandwich 3.0-2); writes golden.csv.
suppressMessages(library(sandwich))
out <- NULL
put <- function(test, condition, reference, ...) {
  v <- c(...)
  out <<- rbind(out, data.frame(test, condition, reference, field = names(v), value = sprintf("%.12g", v)))
}
dprime <- function(p, k) {  # k: the divisor of the second term, 2 or sqrt(6); pnorm and uniroot alone
  if (p <= .5) return(0)
  uniroot(function(d) pnorm(d / sqrt(2)) * pnorm(d / k) + pnorm(-d / sqrt(2)) * pnorm(-d / k) - p, c(0, 12), tol = 1e-13)$root
}
d <- read.csv("abx.csv")
swap <- d$condition == "base" | (d$condition == "w4" & d$reference == "w8")  # w8 against w4, all against base
d[swap, c("condition", "reference")] <- d[swap, c("reference", "condition")]
pb <- pc <- NULL
for (part in split(d, paste(d$condition, d$reference))) {
  k <- part$condition[1]; ref <- part$reference[1]; w <- sum(part$score); n <- nrow(part); p <- w / n
  b <- binom.test(w, n, alternative = "greater"); i <- binom.test(w, n)$conf.int; pb[k] <- b$p.value
  put("abx_binomial", k, ref, estimate = p, ci_low = i[1], ci_high = i[2], statistic = w, p = b$p.value)
  answer <- ifelse(part$score == 1, part$x == part$first, part$x != part$first)
  m <- mantelhaen.test(table(answer, part$x == part$first, part$participant), exact = TRUE, alternative = "greater")
  put("abx_cmh", k, ref, estimate = p, statistic = w, p = m$p.value)
  r <- length(unique(part$participant))
  se <- sqrt(vcovCL(lm(score ~ 1, part), cluster = part$participant, type = "HC0", cadjust = TRUE)[1, 1])
  lo <- p - qt(.975, r - 1) * se; hi <- p + qt(.975, r - 1) * se; t <- (p - .5) / se
  put("abx_cluster", k, ref, estimate = p, ci_low = lo, ci_high = hi, statistic = t, df = r - 1, n = r,
      p = pt(t, r - 1, lower.tail = FALSE))
  for (m in c("io", "diff")) {
    s <- if (m == "io") 2 else sqrt(6)
    put(paste0("abx_dprime_", m), k, ref, estimate = dprime(p, s), ci_low = dprime(lo, s), ci_high = dprime(hi, s))
  }
}
write.csv(out, "golden.csv", row.names = FALSE, quote = FALSE)
