/* SPDX-License-Identifier: GPL-2.0-only */
/* files: a mapped file is truncated: SIGBUS behind its end, zeros in its last page; it grows: bytes again */
#include "feature.h"
#include <setjmp.h>
#include <sys/mman.h>

static sigjmp_buf after;
static void *volatile where;

static void on_bus(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	where = info->si_addr;
	siglongjmp(after, 1);
}

static int can_read(volatile char *at)
{
	if (sigsetjmp(after, 1)) {
		CHECK(where == at);
		return 0;
	}
	(void)*at;
	return 1;
}

int main(int argc, char **argv)
{
	static char bytes[4 * PAGE];

	begin(argc, argv);
	handle_info(SIGBUS, on_bus, 0);
	memset(bytes, 'b', sizeof bytes);
	ready();
	do {
		int fd = nameless_file();

		CHECK(write(fd, bytes, sizeof bytes) == sizeof bytes);
		char *memory = mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

		CHECK(memory != MAP_FAILED && can_read(memory) && !can_read(memory + 4 * PAGE));
		point();
		CHECK(can_read(memory + PAGE) && !can_read(memory + 5 * PAGE + 7));
		CHECK(ftruncate(fd, PAGE + 100) == 0);
		CHECK(can_read(memory + PAGE + 99) && !can_read(memory + 2 * PAGE) && !can_read(memory + 3 * PAGE));
		CHECK(memory[PAGE + 99] == 'b' && memory[PAGE + 100] == 0);
		CHECK(ftruncate(fd, 5 * PAGE) == 0 && pwrite(fd, "new", 3, 2 * PAGE) == 3);
		point();
		CHECK(can_read(memory + 2 * PAGE) && !memcmp(memory + 2 * PAGE, "new\0", 4));
		CHECK(can_read(memory + 4 * PAGE) && !can_read(memory + 5 * PAGE));
		CHECK(munmap(memory, 6 * PAGE) == 0 && close(fd) == 0);
	} while (again());
	return pass();
}
