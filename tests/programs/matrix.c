/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Multiplies two matrices of 1000 x 1000 numbers, over and over: a round is 20 rows of the product, each checked by
 * Freivalds' test, (row of AB) x = (row of A) (Bx) for one vector x. Whole numbers that wrap, so that it is exact.
 */
#include "program.h"
#include <sys/mman.h>

#define N 1000
#define ROWS 20

static uint32_t (*a)[N], (*b)[N], (*product)[N], x[N], bx[N];

static void *numbers(uint64_t seed)
{
	uint32_t *memory = mmap(NULL, sizeof *a * N, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	for (size_t i = 0; i < (size_t)N * N; i++)
		memory[i] = (uint32_t)next_random(&seed);
	return memory;
}

static void multiply_row(int row)
{
	uint32_t *sums = product[row];

	memset(sums, 0, sizeof *product);
	for (int k = 0; k < N; k++)
		for (int column = 0; column < N; column++)
			sums[column] += a[row][k] * b[k][column];
}

static int row_is_right(int row)
{
	uint32_t left = 0, right = 0;

	for (int i = 0; i < N; i++) {
		left += product[row][i] * x[i];
		right += a[row][i] * bx[i];
	}
	return left == right;
}

int main(int argc, char **argv)
{
	uint64_t seed = 7;
	int row = 0;

	start(argc, argv);
	a = numbers(1);
	b = numbers(2);
	product = numbers(3);
	for (int i = 0; i < N; i++)
		x[i] = (uint32_t)next_random(&seed);
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			bx[i] += b[i][j] * x[j];
	do {
		for (int i = 0; i < ROWS; i++, row = (row + 1) % N) {
			multiply_row(row);
			CHECK(row_is_right(row));
		}
	} while (another_round());
	return pass();
}
