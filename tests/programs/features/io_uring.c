/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: io_uring by its system calls: a write and a read through the rings */
#include "feature.h"
#include <linux/io_uring.h>
#include <sys/mman.h>

#define SIZE 8192

static struct io_uring_params parameters;
static char *ring;
static struct io_uring_sqe *entries;
static int uring;

static unsigned *at(unsigned offset) { return (unsigned *)(ring + offset); }

/* Submits one and waits for it; its result. */
static int submit(int opcode, int fd, void *buffer)
{
	unsigned tail = *at(parameters.sq_off.tail), index = tail & *at(parameters.sq_off.ring_mask);

	entries[index] = (struct io_uring_sqe){ .opcode = opcode, .fd = fd, .addr = (uint64_t)buffer, .len = SIZE,
						.user_data = 1000 + tail };
	at(parameters.sq_off.array)[index] = index;
	__atomic_store_n(at(parameters.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	long entered;

	do
		entered = syscall(SYS_io_uring_enter, uring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	while (entered == -1 && errno == EINTR);
	CHECK(entered == 1);
	unsigned head = *at(parameters.cq_off.head);

	AWAIT(__atomic_load_n(at(parameters.cq_off.tail), __ATOMIC_ACQUIRE) != head);
	struct io_uring_cqe *done = (struct io_uring_cqe *)at(parameters.cq_off.cqes) +
				    (head & *at(parameters.cq_off.ring_mask));
	int result = done->res;

	CHECK(done->user_data == 1000 + tail);
	__atomic_store_n(at(parameters.cq_off.head), head + 1, __ATOMIC_RELEASE);
	return result;
}

int main(int argc, char **argv)
{
	static char out[SIZE], in[SIZE];

	begin(argc, argv);
	uring = syscall(SYS_io_uring_setup, 4, &parameters);
	if (uring < 0)
		skip("no io_uring");
	CHECK(parameters.features & IORING_FEAT_SINGLE_MMAP);
	size_t size = parameters.cq_off.cqes + parameters.cq_entries * sizeof(struct io_uring_cqe);

	ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, uring, IORING_OFF_SQ_RING);
	entries = mmap(NULL, parameters.sq_entries * sizeof *entries, PROT_READ | PROT_WRITE, MAP_SHARED, uring,
		       IORING_OFF_SQES);
	CHECK(ring != MAP_FAILED && entries != MAP_FAILED);
	int fd = nameless_file();

	ready();
	do {
		fill(out, SIZE, run.round);
		CHECK(submit(IORING_OP_WRITE, fd, out) == SIZE);
		point();
		CHECK(submit(IORING_OP_READ, fd, in) == SIZE && is_filled(in, SIZE, run.round));
		CHECK(submit(IORING_OP_NOP, -1, NULL) == 0);
	} while (again());
	return pass();
}
