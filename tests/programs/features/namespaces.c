/* SPDX-License-Identifier: GPL-2.0-only */
/* identity: a child in namespaces of its own (pid, mount, network, host name, ipc, cgroup, user) sees those, and so do its children */
#include "feature.h"
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>

static const char *const kinds[] = { "pid", "mnt", "net", "uts", "ipc", "cgroup", "user" };
#define KINDS (sizeof kinds / sizeof *kinds)

static void note(const char *proc, ino_t ids[KINDS])
{
	for (size_t i = 0; i < KINDS; i++) {
		char path[64];
		struct stat status;

		snprintf(path, sizeof path, "%s/self/ns/%s", proc, kinds[i]);
		CHECK(stat(path, &status) == 0);
		ids[i] = status.st_ino;
	}
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

/* What a process in the namespaces sees. */
static void look(const char *proc, const ino_t ids[KINDS], int queue, pid_t own, pid_t parent)
{
	struct utsname name;
	struct stat status;
	struct ifreq interface = { .ifr_name = "lo" };
	ino_t now_ids[KINDS];
	char path[64], link[64];
	int fd;

	CHECK(getpid() == own && syscall(SYS_gettid) == own && getppid() == parent);
	CHECK(uname(&name) == 0 && !strcmp(name.nodename, "inside"));
	CHECK(geteuid() == 0 && getegid() == 0);
	snprintf(path, sizeof path, "%s/self", proc);
	ssize_t length = readlink(path, link, sizeof link - 1);

	CHECK(length > 0);
	link[length] = 0;
	CHECK(atoi(link) == own);
	/* Its own file system. */
	CHECK(stat("/tmp/inside", &status) == 0 && status.st_size == 5);
	note(proc, now_ids);
	CHECK(!memcmp(now_ids, ids, sizeof now_ids));
	/* Its own network, in which there is nothing, and nothing is up. */
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &interface) == 0 && !(interface.ifr_flags & IFF_UP));
	strcpy(interface.ifr_name, "eth0");
	CHECK(ioctl(fd, SIOCGIFFLAGS, &interface) == -1 && errno == ENODEV && close(fd) == 0);
	CHECK(msgget(4711, 0) == queue);
}

/* The first process with numbers of its own: they end with it. */
static void keep(int in, int out)
{
	CHECK(getpid() == 1 && getppid() == 0);
	CHECK(mkdir("/tmp/proc", 0700) == 0 && mount("proc", "/tmp/proc", "proc", 0, NULL) == 0);
	tell(out, 'k');
	hear(in);
	_exit(2);
}

/* A child, which makes one of its own, and one in further namespaces. */
static int child(const ino_t outside[KINDS], int queue, pid_t own)
{
	struct utsname name;
	ino_t ids[KINDS];

	CHECK(getpid() == own);
	note("/tmp/proc", ids);
	for (size_t i = 0; i < KINDS; i++)
		CHECK(ids[i] != outside[i]);
	look("/tmp/proc", ids, queue, own, 0);
	pid_t next = split();

	if (!next) {
		look("/tmp/proc", ids, queue, getpid(), own);
		_exit(3);
	}
	CHECK(next > own && exit_of(next) == 3);
	CHECK(unshare(CLONE_NEWUTS | CLONE_NEWPID) == 0 && sethostname("deeper", 6) == 0);
	next = split();
	if (!next) {
		CHECK(getpid() == 1 && uname(&name) == 0 && !strcmp(name.nodename, "deeper"));
		_exit(4);
	}
	CHECK(next > own && exit_of(next) == 4);
	return 5;
}

int main(int argc, char **argv)
{
	ino_t outside[KINDS], ids[KINDS];
	uid_t user = geteuid(), group = getegid();
	int to[2], from[2], fd, queue;
	pid_t keeper, parent = getppid(), number = 1;
	char text[40];

	begin(argc, argv);
	note("/proc", outside);
	if (unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP))
		skip("no namespaces for us");
	put("/proc/self/setgroups", "deny");
	snprintf(text, sizeof text, "0 %d 1", user);
	put("/proc/self/uid_map", text);
	snprintf(text, sizeof text, "0 %d 1", group);
	put("/proc/self/gid_map", text);
	CHECK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mount("none", "/tmp", "tmpfs", 0, NULL) == 0);
	fd = open("/tmp/inside", O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0 && write(fd, "hello", 5) == 5 && close(fd) == 0);
	CHECK(sethostname("inside", 6) == 0);
	CHECK((queue = msgget(4711, IPC_CREAT | IPC_EXCL | 0600)) >= 0);
	CHECK(pipe(to) == 0 && pipe(from) == 0);
	keeper = split();
	if (!keeper)
		keep(to[0], from[1]);
	CHECK(hear(from[0]) == 'k');
	note("/proc", ids);
	ready();
	do {
		point();
		look("/proc", ids, queue, getpid(), parent);
		pid_t first = split();

		/* The children have numbers of their own, one after the other: three in a round. */
		if (!first)
			_exit(child(outside, queue, number + 1));
		number += 3;
		CHECK(exit_of(first) == 5);
	} while (again());
	tell(to[1], 'e');
	CHECK(exit_of(keeper) == 2);
	return pass();
}
