# R's intraclass correlations: Rscript golden.R here (R 4.2.2, psych 2.2.9); writes golden.csv.
suppressMessages(library(psych))
answer <- function(name) {
  place <- if (dir.exists(name)) name else file.path("..", name)
  d <- read.csv(file.path(place, "ratings.csv"), colClasses = "character")
  names(d)[names(d) == "rater"] <- "participant"; names(d)[names(d) == "model"] <- "condition"
  w <- tapply(as.numeric(d$score), list(paste(d$prompt, d$condition), d$participant), mean)
  out <- NULL
  for (alpha in c(.05, .1)) {
    r <- ICC(w, lmer = FALSE, alpha = alpha)$results
    for (k in c("ICC2", "ICC2k")) {
      v <- r[r$type == k, c("ICC", "lower bound", "upper bound")]
      out <- rbind(out, data.frame(set = name, alpha = alpha, type = k, field = c("icc", "low", "high"),
                                   value = sprintf("%.12g", unlist(v))))
    }
  }
  out
}
write.csv(do.call(rbind, lapply(c("paper_like", "agree", "biased", "noise", "two_raters"), answer)), "golden.csv",
          row.names = FALSE, quote = FALSE)
