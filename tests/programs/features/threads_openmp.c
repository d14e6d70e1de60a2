/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: an OpenMP team shares loops, sections, tasks, reductions, barriers and locks */
#include "feature.h"
#include <omp.h>

#define THREADS 4
#define N 4096

static uint64_t input[N], output[N];

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	return z ^ (z >> 27);
}

static uint64_t fibonacci(int n)
{
	uint64_t a, b;

	if (n < 2)
		return n;
	#pragma omp task shared(a) if (n > 8)
	a = fibonacci(n - 1);
	b = fibonacci(n - 2);
	#pragma omp taskwait
	return a + b;
}

int main(int argc, char **argv)
{
	uint64_t expected = 0;

	begin(argc, argv);
	for (int i = 0; i < N; i++) {
		input[i] = mix(i + 1);
		expected += mix(input[i]);
	}
	omp_set_dynamic(0);
	omp_set_num_threads(THREADS);
	ready();
	do {
		uint64_t sum = 0, critical = 0, atomic = 0, found = 0, turns[THREADS] = { 0 };
		int team = 0, singles = 0, ordered = 0, unordered = 0;

		#pragma omp parallel
		{
			int me = omp_get_thread_num();

			CHECK(me >= 0 && me < THREADS);
			#pragma omp single
			{
				team = omp_get_num_threads();
				singles++;
			}
			#pragma omp for schedule(dynamic, 64) reduction(+ : sum)
			for (int i = 0; i < N; i++) {
				output[i] = mix(input[i]);
				sum += output[i];
			}
			#pragma omp master
			busy_point();
			#pragma omp barrier
			for (int turn = 0; turn < 20; turn++) {
				turns[me]++;
				#pragma omp barrier
				CHECK(turns[(me + 1) % THREADS] == turns[me]);
				#pragma omp barrier
				#pragma omp critical
				critical++;
				#pragma omp atomic
				atomic++;
			}
			#pragma omp for ordered schedule(static, 1)
			for (int i = 0; i < 40; i++) {
				#pragma omp ordered
				unordered += ordered++ != i;
			}
			#pragma omp single
			found = fibonacci(16);
		}
		CHECK(team == THREADS && singles == 1);
		CHECK(sum == expected && critical == 20 * THREADS && atomic == 20 * THREADS);
		CHECK(ordered == 40 && unordered == 0 && found == 987);
		for (int i = 0; i < N; i++)
			CHECK(output[i] == mix(input[i]));
	} while (again());
	return pass();
}
