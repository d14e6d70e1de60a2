# Simulates savings that are put into shares and bonds in several proportions and balanced anew every year: the mean, the
# spread and the worst case of what is left after thirty years. `portfolio.pl HUNDREDS_OF_LIVES`.
use strict;
use warnings;

my $lives = 100 * ($ARGV[0] // 1);
my $state = 42;

# A number of chance between 0 and 1 that is the same on every machine.
sub chance {
    $state = ($state * 1103515245 + 12345) % 2147483648;
    return ($state + 1) / 2147483649;
}

# The same, but most often near 0 (Box and Muller).
sub normal { return sqrt(-2 * log(chance())) * cos(6.283185307179586 * chance()) }

for my $shares (0, 25, 50, 75, 100) {
    my ($sum, $squares, $worst) = (0, 0, 1e9);
    for my $life (1 .. $lives) {
        my $money = 1;
        for my $year (1 .. 30) {
            my $share = 0.07 + 0.18 * normal();
            my $bond = 0.03 + 0.06 * normal();
            $money *= 1 + $shares / 100 * $share + (1 - $shares / 100) * $bond;
        }
        $sum += $money;
        $squares += $money * $money;
        $worst = $money if $money < $worst;
    }
    my $mean = $sum / $lives;
    my $spread = sqrt($squares / $lives - $mean * $mean);
    printf "%3d%% shares: mean %.4f spread %.4f worst %.4f\n", $shares, $mean, $spread, $worst;
}
