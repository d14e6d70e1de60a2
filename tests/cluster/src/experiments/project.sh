# A project of 12 files of C that a compiler has to work at, in /tmp/project.
set -e
rm -rf /tmp/project && mkdir /tmp/project && cd /tmp/project
for i in $(seq 12); do {
    echo "#include <stdio.h>"
    echo "#include <stdlib.h>"
    echo "#include <string.h>"
    for f in $(seq 40); do
        echo "static int compare${f}(const void *a, const void *b) { return (*(int *)a > *(int *)b) - (*(int *)a < *(int *)b) + $f * 0; }"
        echo "static unsigned f${f}(unsigned n) { unsigned v[64], s = n + $i * $f; for (int i = 0; i < 64; i++) { s = s * 1103515245u + 12345; v[i] = s >> 16; if (v[i] % 3 == 0) v[i] ^= s; else for (int j = 0; j < i; j++) v[i] += v[j] * $f; } qsort(v, 64, sizeof *v, compare${f}); char t[64]; snprintf(t, sizeof t, \"%u\", v[9]); return v[32] + strlen(t); }"
    done
    echo "unsigned part$i(unsigned n) { unsigned s = n;"
    for f in $(seq 40); do echo "s ^= f$f(s);"; done
    echo "return s; }"
} > part$i.c; done
{ echo "#include <stdio.h>"; for i in $(seq 12); do echo "unsigned part$i(unsigned n);"; done
  echo "int main(void) { unsigned s = 1;"; for i in $(seq 12); do echo "s ^= part$i(s);"; done
  # No echo: that of some shells would make a line of the \n.
  printf '%s\n' 'printf("%u\n", s); return 0; }'; } > main.c
cat > Makefile <<'END'
OBJECTS := main.o $(patsubst %.c,%.o,$(wildcard part*.c))
program: $(OBJECTS)
	@gcc -o $@ $^
%.o: %.c
	@gcc -O2 -c -o $@ $<
END
gcc -O2 -c -o /tmp/warm.o part1.c
