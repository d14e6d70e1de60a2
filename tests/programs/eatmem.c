/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Eats processor and disk: a round is a thousand sines and square roots, each followed by a line in a file that grows
 * and grows. `eatmem -r ROUNDS FILE`; without FILE it only computes. Prints the sum, which is the same everywhere,
 * and reads the file again at the end.
 */
#include "program.h"
#include <math.h>

#define LINES 1000

int main(int argc, char **argv)
{
	FILE *file = NULL;
	double sum = 0;
	long counter = 0, line, lines = 0;

	start(argc, argv);
	if (optind < argc) {
		file = fopen(argv[optind], "w+");
		CHECK(file);
	}
	do {
		for (int i = 0; i < LINES; i++) {
			/* What a thousand lines cost without the file should be worth a move. */
			for (int j = 0; j < 50; j++)
				sum += sin((double)counter + j) * sqrt((double)counter + j);
			counter++;
			if (file)
				CHECK(fprintf(file, "%ld\n", counter) > 0);
		}
	} while (another_round());
	if (file) {
		CHECK(fflush(file) == 0);
		rewind(file);
		while (fscanf(file, "%ld", &line) == 1)
			CHECK(line == ++lines);
		CHECK(lines == counter);
	}
	printf("%ld %.6f\n", counter, sum);
	return pass();
}
