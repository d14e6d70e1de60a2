# What becomes of savings, with the numbers of chance always the same.
perl /tmp/portfolio.pl $SCALE
