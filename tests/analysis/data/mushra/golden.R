# R's answers for the data set beside this script: Rscript golden.R (R 4.2.2); writes golden.csv.
out <- NULL
put <- function(test, condition, reference, ...) {
  v <- c(...)
  out <<- rbind(out, data.frame(test, condition, reference, field = names(v), value = sprintf("%.12g", v)))
}
d <- read.csv("mushra.csv")
hidden <- d[d$condition == "reference", ]
misses <- tapply(hidden$score < 90, hidden$participant, mean)
bad <- names(misses)[misses > .15]
put("excluded", paste(bad, collapse = " "), "", count = length(bad))
answer <- function(d, end) {
  for (k in unique(d$condition)) {
    s <- d$score[d$condition == k]; t <- t.test(s); q <- quantile(s, c(.25, .5, .75), names = FALSE, type = 7)
    inside <- s[s >= q[1] - 1.5 * (q[3] - q[1]) & s <= q[3] + 1.5 * (q[3] - q[1])]
    put(paste0("box", end), k, "", mean = mean(s), low = t$conf.int[1], high = t$conf.int[2], `whisker low` = min(inside),
        `quartile 1` = q[1], median = q[2], `quartile 3` = q[3], `whisker high` = max(inside),
        outliers = length(s) - length(inside), ratings = length(s))
  }
  place <- paste(d$participant, d$prompt, sep = "/")
  pair <- function(name, list) {
    pt <- pw <- NULL
    for (a in list) {
      k <- a[1]; ref <- a[2]
      m <- merge(d[d$condition == k, ], d[d$condition == ref, ], by = c("participant", "prompt"))
      x <- tapply(m$score.x, m$participant, mean); y <- tapply(m$score.y, m$participant, mean)
      t <- t.test(x, y, paired = TRUE)
      v <- suppressWarnings(wilcox.test(x, y, paired = TRUE, exact = FALSE, correct = FALSE))
      pt[k] <- t$p.value; pw[k] <- v$p.value
      put(paste0("mushra_", name, "t", end), k, ref, estimate = unname(t$estimate), ci_low = t$conf.int[1],
          ci_high = t$conf.int[2], statistic = unname(t$statistic), df = unname(t$parameter), p = t$p.value, n = length(x))
      put(paste0("mushra_", name, "wilcoxon", end), k, ref, statistic = unname(v$statistic), p = v$p.value)
    }
    for (a in list) {
      put(paste0("mushra_", name, "t", end), a[1], a[2], p_adjusted = p.adjust(pt, "holm")[[a[1]]])
      put(paste0("mushra_", name, "wilcoxon", end), a[1], a[2], p_adjusted = p.adjust(pw, "holm")[[a[1]]])
    }
  }
  pair("", list(c("anchor", "reference"), c("w4", "reference"), c("w8", "reference")))
  pair("between_", list(c("w8", "w4")))
  full <- d[place %in% names(which(table(place) == length(unique(d$condition)))), ]
  f <- friedman.test(tapply(full$score, list(full$participant, full$condition), mean))
  put(paste0("mushra_friedman", end), "", "", statistic = unname(f$statistic), df = unname(f$parameter), p = f$p.value)
}
answer(d[!d$participant %in% bad, ], ""); answer(d, "_all")
write.csv(out, "golden.csv", row.names = FALSE, quote = FALSE)
