# R's answers for the ordinal model: Rscript golden.R here (R 4.2.2, ordinal 2022.11-16); writes golden.csv.
suppressMessages(library(ordinal))
# clmm refuses a grouping of two levels (`ties` has two prompts); its likelihood is defined all the same.
lax <- ordinal:::getREterms
body(lax) <- as.call(Filter(function(e) !any(grepl("nlevels) > 2", deparse(e), fixed = TRUE)), as.list(body(lax))))
assignInNamespace("getREterms", lax, "ordinal")
read <- function(name) {
  place <- if (dir.exists(name)) name else file.path("..", name)
  d <- read.csv(file.path(place, "ratings.csv"), colClasses = "character")
  names(d)[names(d) == "rater"] <- "participant"; names(d)[names(d) == "model"] <- "condition"
  d
}
answer <- function(name, baseline) {
  d <- read(name)
  d$o <- factor(as.integer(d$score), ordered = TRUE)
  d$condition <- relevel(factor(d$condition), baseline)
  d$participant <- factor(d$participant); d$prompt <- factor(d$prompt)
  tight <- clmm.control(method = "nlminb", gradTol = 1e-5)
  m <- clmm(o ~ condition + (1 | participant) + (1 | prompt), d, control = tight)
  sd <- c(participant = m$ST$participant[1], prompt = m$ST$prompt[1])
  cat(name, "sd", sd, "\n")
  # Without any spread in a grouping R's Hessian is singular there; without that term it is the same model.
  if (any(sd < 1e-2)) {
    whole <- m
    gone <- names(sd)[sd < 1e-2]
    m <- if (length(gone) == 2) clm(o ~ condition, data = d) else if (gone == "prompt")
      clmm(o ~ condition + (1 | participant), d, control = tight) else
      clmm(o ~ condition + (1 | prompt), d, control = tight)
    stopifnot(abs(logLik(whole) - logLik(m)) < 1e-5)
    if (length(gone) == 1) sd[setdiff(names(sd), gone)] <- m$ST[[1]][1]
    sd[gone] <- 0
  }
  out <- NULL
  put <- function(term, ...) {
    v <- c(...)
    out <<- rbind(out, data.frame(set = name, term = term, field = names(v), value = sprintf("%.10g", v)))
  }
  s <- summary(m)$coefficients
  for (k in levels(d$condition)[-1]) {
    r <- s[paste0("condition", k), ]
    put(k, estimate = r[[1]], se = r[[2]], statistic = r[[3]], p = r[[4]],
        ci_low = r[[1]] - qnorm(.975) * r[[2]], ci_high = r[[1]] + qnorm(.975) * r[[2]], effect_size = exp(r[[1]]))
  }
  put("model", loglik = as.numeric(logLik(m)), var_participant = sd[["participant"]]^2, var_prompt = sd[["prompt"]]^2,
      n = nrow(d))
  alpha <- m$alpha
  for (k in seq_along(alpha)) put("threshold", setNames(alpha[k], names(alpha)[k]))
  out
}
sets <- c(paper_like = "fp32", incomplete = "base", ties = "base", three = "base", seven = "base",
          no_prompt_spread = "base", no_rater_spread = "base", no_spread = "base",
          grades = "base", seeds = "base", many_prompts = "base")
write.csv(do.call(rbind, Map(answer, names(sets), sets)), "golden.csv", row.names = FALSE, quote = FALSE)
