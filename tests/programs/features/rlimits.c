/* SPDX-License-Identifier: GPL-2.0-only */
/* identity: resource limits are kept and enforced: descriptors, memory, file size, processes, another's limits */
#include "feature.h"
#include <sys/mman.h>

int main(int argc, char **argv)
{
	struct rlimit limit, old;

	begin(argc, argv);
	signal(SIGXFSZ, SIG_IGN);
	for (int resource = 0; resource < RLIM_NLIMITS; resource++)
		CHECK(getrlimit(resource, &limit) == 0);
	limit = (struct rlimit){ 111, 222 };
	CHECK(setrlimit(RLIMIT_MSGQUEUE, &limit) == 0);
	ready();
	do {
		CHECK(getrlimit(RLIMIT_MSGQUEUE, &limit) == 0 && limit.rlim_cur == 111 && limit.rlim_max == 222);
		CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
		limit = (struct rlimit){ 20, old.rlim_max };
		CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
		point();
		CHECK(dup2(0, 19) == 19 && dup2(0, 20) == -1 && errno == EBADF && close(19) == 0);
		CHECK(sysconf(_SC_OPEN_MAX) == 20 && setrlimit(RLIMIT_NOFILE, &old) == 0);

		CHECK(getrlimit(RLIMIT_AS, &old) == 0);
		limit = (struct rlimit){ 1ul << 30, old.rlim_max };
		CHECK(prlimit(getpid(), RLIMIT_AS, &limit, NULL) == 0);
		CHECK(mmap(NULL, 2ul << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED);
		CHECK(errno == ENOMEM && setrlimit(RLIMIT_AS, &old) == 0);

		CHECK(getrlimit(RLIMIT_DATA, &old) == 0);
		limit = (struct rlimit){ 1 << 20, old.rlim_max };
		CHECK(setrlimit(RLIMIT_DATA, &limit) == 0);
		CHECK(sbrk(4 << 20) == (void *)-1 && errno == ENOMEM && setrlimit(RLIMIT_DATA, &old) == 0);

		CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
		limit = (struct rlimit){ 1000, old.rlim_max };
		CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
		int fd = nameless_file();

		CHECK(pwrite(fd, "1234567890", 10, 995) == 5 && pwrite(fd, "x", 1, 1000) == -1 && errno == EFBIG);
		CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0 && close(fd) == 0);
	} while (again());
	return pass();
}
