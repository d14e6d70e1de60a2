/* SPDX-License-Identifier: GPL-2.0-only */
/* identity: a seccomp filter goes along: forwarded, local, memory and clone calls, children, threads, an exec, a new filter */
#include "feature.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define FIELD(name) offsetof(struct seccomp_data, name)
/* If it is this call, then this is the answer. */
#define ANSWER(call, action) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, action)
#define REFUSE(call, error) ANSWER(call, SECCOMP_RET_ERRNO | (error))

static int install(struct sock_filter *code, unsigned short length, unsigned flags)
{
	struct sock_fprog program = { length, code };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

/* Of each kind that is treated differently, one. */
static void forbid(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(nr)),
		REFUSE(symlink, EXDEV),
		/* Made where the process is. */
		REFUSE(sched_yield, EBADE),
		REFUSE(gettid, EBADF),
		REFUSE(getcpu, EBADR),
		/* Made at both places. */
		REFUSE(mincore, EBADSLT),
		REFUSE(mlock, 0),
		REFUSE(madvise, 0),
		REFUSE(vfork, ECHRNG),
		/* Made at home. */
		REFUSE(io_setup, EL2HLT),
		/* By its arguments: futex operation 99, mmap of length 12 pages. */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 99, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EL3HLT),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 12 * PAGE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EL3RST),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(install(code, sizeof code / sizeof *code, 0) == 0);
}

#define REFUSED(call, error) CHECK((call) == -1 && errno == (error))

static char *kept;

static void try(void)
{
	unsigned char core;
	int word = 0;

	REFUSED(symlink("a", "/tmp/never"), EXDEV);
	REFUSED(sched_yield(), EBADE);
	REFUSED(syscall(SYS_gettid), EBADF);
	REFUSED(syscall(SYS_getcpu, &word, NULL, NULL), EBADR);
	REFUSED(mincore(kept, PAGE, &core), EBADSLT);
	REFUSED(syscall(SYS_vfork), ECHRNG);
	REFUSED(syscall(SYS_futex, &word, 99, 0, NULL, NULL, 0), EL3HLT);
	CHECK(syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0);
	CHECK(mmap(NULL, 12 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EL3RST);
	/* Said to be done, but not done: neither here nor there. */
	CHECK(mlock((void *)1, 1ul << 60) == 0);
	CHECK(madvise(kept, PAGE, MADV_DONTNEED) == 0 && kept[5] == 'k');
	CHECK(prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER);
	CHECK(getppid() > 0 && syscall(SYS_getpid) == getpid());
}

static void *in_thread(void *result)
{
	try();
	return result;
}

/* One more filter, for this process only, and then for all its threads. */
static void narrow(unsigned flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(nr)),
		REFUSE(getpgid, EUNATCH),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	CHECK(install(code, sizeof code / sizeof *code, flags) == 0);
	REFUSED(getpgid(0), EUNATCH);
	try();
}

static pthread_barrier_t barrier;

static void *neighbour(void *result)
{
	CHECK(getpgid(0) > 0);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	REFUSED(getpgid(0), EUNATCH);
	try();
	return result;
}

static void with_neighbour(void)
{
	pthread_t thread;
	void *result = NULL;

	CHECK_0(pthread_barrier_init(&barrier, NULL, 2));
	CHECK_0(pthread_create(&thread, NULL, neighbour, kept));
	pthread_barrier_wait(&barrier);
	narrow(SECCOMP_FILTER_FLAG_TSYNC);
	pthread_barrier_wait(&barrier);
	CHECK_0(pthread_join(thread, &result));
	CHECK(result == kept);
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	kept = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(kept != MAP_FAILED);
	memset(kept, 'k', PAGE);
	/* The second time it finds the filter that it has. */
	if (prctl(PR_GET_SECCOMP) == 0) {
		forbid();
		ready();
	}
	do {
		pthread_t thread;
		void *result = NULL;

		point();
		try();
		CHECK_0(pthread_create(&thread, NULL, in_thread, kept));
		CHECK_0(pthread_join(thread, &result));
		CHECK(result == kept);
		pid_t child = split();

		if (!child) {
			try();
			narrow(0);
			_exit(7);
		}
		CHECK(exit_of(child) == 7);
		CHECK(getpgid(0) > 0);
		child = split();
		if (!child) {
			with_neighbour();
			_exit(8);
		}
		CHECK(exit_of(child) == 8);
		child = split();
		if (!child) {
			char path[256];

			snprintf(path, sizeof path, "%s", self());
			run.stops = 0;
			if (argc > 1 && !strcmp(argv[argc - 1], "inner"))
				_exit(9);
			execl(path, path, "-t0", "inner", NULL);
			_exit(99);
		}
		if (argc > 1 && !strcmp(argv[argc - 1], "inner")) {
			CHECK(exit_of(child) == 9);
			_exit(10);
		}
		CHECK(exit_of(child) == 10);
	} while (again());
	return pass();
}
