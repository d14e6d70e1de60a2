/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: code that the program writes itself is executed, changed and executed again */
#include "feature.h"
#include <sys/mman.h>

/* Can the program read this? The kernel cannot for it, if not. */
static int readable(const void *memory)
{
	int ends[2];
	ssize_t done;

	CHECK(pipe(ends) == 0);
	done = write(ends[1], memory, 1);
	CHECK(done == 1 || errno == EFAULT);
	close(ends[0]);
	close(ends[1]);
	return done == 1;
}

/* mov $value, %eax; ret */
static void generate(unsigned char *code, int value)
{
	code[0] = 0xb8;
	memcpy(code + 1, &value, 4);
	code[5] = 0xc3;
}

static int call(const unsigned char *code)
{
	return ((int (*)(void))code)();
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	unsigned char *code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(code != MAP_FAILED);
	/* Code that can be executed and not read, where the processor has protection keys. */
	unsigned char *hidden = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(hidden != MAP_FAILED);
	generate(hidden, 1234);
	CHECK(mprotect(hidden, PAGE, PROT_EXEC) == 0);
	int seen = readable(hidden);

	ready();
	do {
		for (int i = 0; i < 20; i++) {
			int value = run.round * 100 + i;

			generate(code, value);
			CHECK(mprotect(code, PAGE, i % 2 ? PROT_EXEC : PROT_READ | PROT_EXEC) == 0);
			if (i == 10)
				point();
			CHECK(call(code) == value && call(hidden) == 1234);
			CHECK(readable(hidden) == seen && readable(code) == (i % 2 ? seen : 1));
			CHECK(mprotect(code, PAGE, PROT_READ | PROT_WRITE) == 0);
		}
	} while (again());
	return pass();
}
