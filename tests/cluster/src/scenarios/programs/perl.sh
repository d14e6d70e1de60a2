perl -e '
use strict;
$| = 1;
my (%h, $s);
$s = 42;
for (1 .. 30000) { $s = ($s * 1103515245 + 12345) % 2147483648; $h{$s % 5000} .= chr(65 + $s % 26); }
my $m = 0;
$m = ($m * 31 + ord) % 1000000007 for split //, join ",", map { "$_=$h{$_}" } sort { $a <=> $b } keys %h;
print "hash $m\n";
for my $i (1 .. 5) {
    pipe(my $r, my $w);
    my $pid = fork;
    if (!$pid) { close $r; print $w "child $i ", $i ** 5, "\n"; close $w; exit $i; }
    close $w;
    print scalar <$r>;
    waitpid($pid, 0);
    print "status ", $? >> 8, "\n";
}
my $alarms = 0;
$SIG{ALRM} = sub { $alarms++ };
alarm 1;
my $left = select(undef, undef, undef, 30);
print "alarms $alarms, select $left\n";
open(my $f, "-|", "seq 30 | sort -rn | head -3");
print <$f>;
my $matches = 0;
$matches++ while ("abcab" x 2000) =~ /(a)(b)c?(?=a|$)/g && $matches < 100;
printf "matches %d, pi %.12f\n", $matches, atan2(1, 1) * 4;
eval { die "caught\n" };
print $@;
'
