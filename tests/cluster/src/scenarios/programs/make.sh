# A small C project, built with make and gcc.
set -e
for i in 1 2 3; do cat > part$i.c <<END
#include <stdlib.h>
static int compare(const void *a, const void *b) { return *(int *)a - *(int *)b; }
int part$i(int n)
{
	int *v = malloc(n * sizeof *v);
	unsigned s = $i;
	for (int i = 0; i < n; i++)
		v[i] = (s = s * 1103515245u + 12345) >> 16;
	qsort(v, n, sizeof *v, compare);
	return v[n / 2];
}
END
done
cat > main.c <<END
#include <stdio.h>
int part1(int), part2(int), part3(int);
int main(void) { return printf("%d %d %d\n", part1(100), part2(200), part3(300)) < 0; }
END
cat > Makefile <<'END'
program: main.o part1.o part2.o part3.o
	@gcc -o $@ $^
%.o: %.c
	@gcc -O2 -c -o $@ $<
END
make -j4
./program
md5sum *.o program
make -j4
