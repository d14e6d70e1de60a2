/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: asynchronous I/O by io_submit: reads and writes of a file, events in order of completion */
#include "feature.h"
#include <linux/aio_abi.h>

#define SIZE 8192

int main(int argc, char **argv)
{
	aio_context_t context = 0;
	static char out[SIZE] __attribute__((aligned(4096))), in[SIZE] __attribute__((aligned(4096)));
	struct io_event events[4];

	begin(argc, argv);
	if (syscall(SYS_io_setup, 8, &context))
		skip("no asynchronous I/O");
	int fd = nameless_file();

	ready();
	do {
		struct iocb write = { .aio_lio_opcode = IOCB_CMD_PWRITE, .aio_fildes = fd, .aio_buf = (uint64_t)out,
				      .aio_nbytes = SIZE, .aio_data = 1 };
		struct iocb read = { .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = fd, .aio_buf = (uint64_t)in,
				     .aio_nbytes = SIZE, .aio_data = 2 };
		struct iocb *list[1] = { &write };

		fill(out, SIZE, run.round);
		memset(in, 0, SIZE);
		CHECK(syscall(SYS_io_submit, context, 1, list) == 1);
		point();
		CHECK(syscall(SYS_io_getevents, context, 1, 4, events, NULL) == 1);
		CHECK(events[0].data == 1 && events[0].res == SIZE);
		list[0] = &read;
		CHECK(syscall(SYS_io_submit, context, 1, list) == 1);
		CHECK(syscall(SYS_io_getevents, context, 1, 4, events, NULL) == 1);
		CHECK(events[0].data == 2 && events[0].res == SIZE && is_filled(in, SIZE, run.round));
	} while (again());
	CHECK(syscall(SYS_io_destroy, context) == 0);
	return pass();
}
