/* SPDX-License-Identifier: GPL-2.0-only */
/* life: children that are killed just after they were made, or while they make others, and share memory with their parent */
#include "feature.h"
#include <sys/mman.h>

int main(int argc, char **argv)
{
	volatile unsigned *count = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	begin(argc, argv);
	CHECK(count != MAP_FAILED);
	ready();
	do {
		*count = 0;
		for (int i = 0; i < 8; i++) {
			pid_t child = split();

			if (!child)
				for (;;) {
					++*count;
					pid_t grandchild = split();

					if (!grandchild)
						_exit(0);
					status_of(grandchild);
				}
			unsigned before = *count;

			if (i % 2)
				AWAIT(*count != before);
			CHECK(kill(child, SIGKILL) == 0);
			int status = status_of(child);

			CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		}
		CHECK(*count >= 4);
		point();
	} while (again());
	return pass();
}
