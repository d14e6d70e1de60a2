/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: userfaultfd: a thread fills in pages when they are touched */
#include "feature.h"
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define PAGES 8

static int fd;
static char *memory;

static void *fill_in(void *argument)
{
	static char page[PAGE] __attribute__((aligned(4096)));
	struct uffd_msg message;

	for (int i = 0; i < PAGES; i++) {
		ssize_t got;

		do
			got = read(fd, &message, sizeof message);
		while (got == -1 && errno == EINTR);
		CHECK(got == sizeof message && message.event == UFFD_EVENT_PAGEFAULT);
		uint64_t at = message.arg.pagefault.address & -PAGE;
		struct uffdio_copy copy = { .dst = at, .src = (uint64_t)page, .len = PAGE };

		memset(page, 'a' + (at - (uint64_t)memory) / PAGE, PAGE);
		CHECK(ioctl(fd, UFFDIO_COPY, &copy) == 0 && copy.copy == PAGE);
	}
	return argument;
}

int main(int argc, char **argv)
{
	struct uffdio_api api = { .api = UFFD_API };
	pthread_t thread;

	begin(argc, argv);
	fd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (fd < 0)
		skip("no userfaultfd");
	CHECK(ioctl(fd, UFFDIO_API, &api) == 0);
	ready();
	do {
		memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(memory != MAP_FAILED);
		struct uffdio_register area = { .range = { (uint64_t)memory, PAGES * PAGE },
						.mode = UFFDIO_REGISTER_MODE_MISSING };

		CHECK(ioctl(fd, UFFDIO_REGISTER, &area) == 0);
		CHECK_0(pthread_create(&thread, NULL, fill_in, NULL));
		for (int i = 0; i < PAGES; i++) {
			CHECK(memory[i * PAGE + 5] == 'a' + i);
			if (i == PAGES / 2)
				point();
		}
		CHECK_0(pthread_join(thread, NULL));
		CHECK(munmap(memory, PAGES * PAGE) == 0);
	} while (again());
	return pass();
}
