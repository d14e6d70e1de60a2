/* SPDX-License-Identifier: GPL-2.0-only */
/* processor: the bases of the segments FS and GS, by arch_prctl and by use */
#include "feature.h"
#include <asm/prctl.h>

int main(int argc, char **argv)
{
	static unsigned long words[16];

	begin(argc, argv);
	ready();
	do {
		unsigned long base = 0, fs = 0, value;

		words[3] = 0x1122334455667788 + run.round;
		CHECK(syscall(SYS_arch_prctl, ARCH_SET_GS, words) == 0);
		CHECK(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs) == 0);
		point();
		asm volatile("movq %%gs:24, %0" : "=r"(value));
		CHECK(value == words[3]);
		CHECK(syscall(SYS_arch_prctl, ARCH_GET_GS, &base) == 0 && base == (unsigned long)words);
		CHECK(syscall(SYS_arch_prctl, ARCH_GET_FS, &base) == 0 && base == fs);
		CHECK((unsigned long)__builtin_thread_pointer() == fs);
	} while (again());
	return pass();
}
