/* SPDX-License-Identifier: GPL-2.0-only */
/* identity: a supervisor answers calls in a process' place (seccomp notifications), and reads its memory for that */
#include "feature.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

static int install(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_symlink, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		/* Made where the process is. */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getcpu, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof code / sizeof *code, code };

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void send_fd(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof fd)] = { 0 };
	struct iovec part = { "f", 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof control };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	*header = (struct cmsghdr){ CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	CHECK(sendmsg(socket, &message, 0) == 1);
}

static int receive_fd(int socket)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof control };
	int fd;

	CHECK(recvmsg(socket, &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
	return fd;
}

/* The way of seccomp_unotify(2): what was read counts only if the call is still waiting. By memory file and by call in turn. */
static int read_text(int listener, const struct seccomp_notif *asked, char *text, size_t size)
{
	static int turn;
	ssize_t got;

	if (turn++ % 2) {
		struct iovec here = { text, size }, there = { (void *)(uintptr_t)asked->data.args[0], size };

		got = process_vm_readv(asked->pid, &here, 1, &there, 1, 0);
	} else {
		char path[64];

		snprintf(path, sizeof path, "/proc/%d/mem", asked->pid);
		int memory = open(path, O_RDONLY | O_CLOEXEC);

		if (memory < 0)
			return 0;
		got = pread(memory, text, size, asked->data.args[0]);
		close(memory);
	}
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &asked->id) == -1)
		return 0;
	CHECK(got == (ssize_t)size);
	return 1;
}

/* Says of symbolic links how far their text is to go, and that all are on the seventh processor. Ends with the supervised process. */
static void supervise(int listener)
{
	for (;;) {
		struct seccomp_notif asked = { 0 };
		struct seccomp_notif_resp answer = { 0 };
		struct pollfd input = { .fd = listener, .events = POLLIN };
		char text[8];

		if (poll(&input, 1, -1) == -1) {
			CHECK(errno == EINTR);
			continue;
		}
		if (input.revents & POLLHUP)
			_exit(0);
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) == -1) {
			CHECK(errno == EINTR || errno == ENOENT);
			continue;
		}
		answer.id = asked.id;
		if (asked.data.nr == SYS_getcpu) {
			answer.val = 7;
		} else {
			if (!read_text(listener, &asked, text, sizeof text))
				continue;
			if (memcmp(text, "number ", 7))
				answer.error = -EXDEV;
			else
				answer.val = text[7];
		}
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) == -1)
			CHECK(errno == ENOENT);
	}
}

int main(int argc, char **argv)
{
	int ends[2];

	begin(argc, argv);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	pid_t supervisor = split();

	if (!supervisor) {
		CHECK(close(ends[0]) == 0);
		supervise(receive_fd(ends[1]));
	}
	int listener = install();

	CHECK(listener >= 0);
	send_fd(ends[0], listener);
	CHECK(close(listener) == 0 && close(ends[0]) == 0 && close(ends[1]) == 0);
	ready();
	do {
		char text[] = "number 0";

		point();
		for (text[7] = 'a'; text[7] < 'e'; text[7]++)
			CHECK(syscall(SYS_symlink, text, "/tmp/never") == text[7]);
		text[0] = 'N';
		CHECK(symlink(text, "/tmp/never") == -1 && errno == EXDEV);
		CHECK(syscall(SYS_getcpu, NULL, NULL, NULL) == 7);
		pid_t child = split();

		if (!child)
			_exit(syscall(SYS_symlink, "number B", "/tmp/never") == 'B' ? 5 : 6);
		CHECK(exit_of(child) == 5);
	} while (again());
	return pass();
}
