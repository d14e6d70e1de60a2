/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Forks as many children as it is told, `forkit -r ROUNDS CHILDREN`, each of which computes: a round is fifty thousand
 * sines and square roots. All must come to the same sum, and say so by a pipe.
 */
#include "program.h"
#include <math.h>
#include <sys/wait.h>

#define TERMS 50000

static double compute(void)
{
	double sum = 0;
	long counter = 0;

	do {
		for (int i = 0; i < TERMS; i++, counter++)
			sum += sin((double)counter) * sqrt((double)counter);
	} while (another_round());
	return sum;
}

int main(int argc, char **argv)
{
	int children, status, sums[2];
	double sum, first = 0;

	start(argc, argv);
	CHECK(optind < argc);
	children = atoi(argv[optind]);
	CHECK(pipe(sums) == 0);
	for (int i = 0; i < children; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (!pid) {
			sum = compute();
			CHECK(write(sums[1], &sum, sizeof sum) == sizeof sum);
			_exit(0);
		}
	}
	for (int i = 0; i < children; i++) {
		CHECK(wait(&status) > 0 && status == 0);
		CHECK(read(sums[0], &sum, sizeof sum) == sizeof sum);
		if (!i)
			first = sum;
		CHECK(sum == first);
	}
	printf("%d times %.6f\n", children, first);
	return pass();
}
