/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: code that the program writes itself is executed, changed and executed again */
#include "feature.h"
#include <sys/mman.h>

int main(int argc, char **argv)
{
	begin(argc, argv);
	unsigned char *code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(code != MAP_FAILED);
	ready();
	do {
		for (int i = 0; i < 20; i++) {
			int value = run.round * 100 + i;

			/* mov $value, %eax; ret */
			code[0] = 0xb8;
			memcpy(code + 1, &value, 4);
			code[5] = 0xc3;
			CHECK(mprotect(code, PAGE, PROT_READ | PROT_EXEC) == 0);
			if (i == 10)
				point();
			CHECK(((int (*)(void))code)() == value);
			CHECK(mprotect(code, PAGE, PROT_READ | PROT_WRITE) == 0);
		}
	} while (again());
	return pass();
}
