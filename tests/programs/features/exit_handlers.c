/* SPDX-License-Identifier: GPL-2.0-only */
/* life: exit runs handlers in order and writes buffers out; _exit does neither; a code has 8 bits */
#include "feature.h"

static int out[2];

static void first(void) { tell(out[1], '1'); }
static void second(void) { tell(out[1], '2'); }
static void third(int code, void *argument) { tell(out[1], code == 300 && argument == &out ? '3' : '?'); }

int main(int argc, char **argv)
{
	int there[2];
	char text[16];

	begin(argc, argv);
	CHECK(pipe(out) == 0 && pipe(there) == 0);
	ready();
	do {
		for (int clean = 0; clean < 2; clean++) {
			pid_t child = split();

			if (!child) {
				FILE *file = fdopen(out[1], "w");

				CHECK(file && atexit(first) == 0 && atexit(second) == 0 && on_exit(third, &out) == 0);
				CHECK(fputs("buffered", file) >= 0);
				hear(there[0]);
				if (!clean)
					_exit(300);
				exit(300);
			}
			if (clean)
				point();
			tell(there[1], 'x');
			CHECK(exit_of(child) == 300 % 256);
		}
		CHECK(read(out[0], text, sizeof text) == 11 && !memcmp(text, "321buffered", 11));
	} while (again());
	return pass();
}
