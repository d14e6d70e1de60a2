// SPDX-License-Identifier: GPL-2.0-only
/*
 * Round trips of one byte between two in-kernel TCP sockets: what a forwarded call costs at least. For
 * `make bench` only.
 *
 * Without parameters it answers on port 7001. With target=ADDRESS it makes `count` round trips to the module
 * there while it is loaded; /sys/module/kping/parameters/nanoseconds then has the time they took.
 */
#include <linux/inet.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/tcp.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#define PORT 7001
#define WARM_UP 200

static char *target;
module_param(target, charp, 0444);
static int count = 2000;
module_param(count, int, 0444);
static unsigned long nanoseconds;
module_param(nanoseconds, ulong, 0444);

static struct socket *listener, *peer;
static DEFINE_MUTEX(peer_lock);
static struct task_struct *server;

static int send_byte(struct socket *socket)
{
	char byte = 'x';
	struct kvec vec = { &byte, 1 };
	struct msghdr message = {};

	return kernel_sendmsg(socket, &message, &vec, 1, 1);
}

static int receive_byte(struct socket *socket)
{
	char byte;
	struct kvec vec = { &byte, 1 };
	struct msghdr message = {};

	return kernel_recvmsg(socket, &message, &vec, 1, 1, 0);
}

/* Answers one peer after the other, until the listener is shut down. */
static int serve(void *unused)
{
	struct socket *socket;

	while (!kthread_should_stop() && kernel_accept(listener, &socket, 0) == 0) {
		mutex_lock(&peer_lock);
		peer = socket;
		mutex_unlock(&peer_lock);
		tcp_sock_set_nodelay(socket->sk);
		while (receive_byte(socket) == 1 && send_byte(socket) == 1)
			;
		mutex_lock(&peer_lock);
		peer = NULL;
		mutex_unlock(&peer_lock);
		sock_release(socket);
	}
	while (!kthread_should_stop())
		schedule_timeout_interruptible(HZ / 10);
	return 0;
}

static int __init listen_on_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int error = sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP, &listener);

	if (error)
		return error;
	error = kernel_bind(listener, (struct sockaddr *)&address, sizeof(address));
	if (!error)
		error = kernel_listen(listener, 1);
	if (!error) {
		server = kthread_run(serve, NULL, "kping");
		error = PTR_ERR_OR_ZERO(server);
	}
	if (error)
		sock_release(listener);
	return error;
}

static int __init measure(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct socket *socket;
	u64 before = 0;
	int error, i;

	if (!in4_pton(target, -1, (u8 *)&address.sin_addr, -1, NULL))
		return -EINVAL;
	error = sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP, &socket);
	if (error)
		return error;
	error = kernel_connect(socket, (struct sockaddr *)&address, sizeof(address), 0);
	tcp_sock_set_nodelay(socket->sk);
	for (i = -WARM_UP; !error && i < count; i++) {
		if (i == 0)
			before = ktime_get_ns();
		if (send_byte(socket) != 1 || receive_byte(socket) != 1)
			error = -EIO;
	}
	nanoseconds = ktime_get_ns() - before;
	sock_release(socket);
	return error;
}

static int __init kping_init(void)
{
	return target ? measure() : listen_on_port();
}

static void __exit kping_exit(void)
{
	if (!server)
		return;
	kernel_sock_shutdown(listener, SHUT_RDWR);
	mutex_lock(&peer_lock);
	if (peer)
		kernel_sock_shutdown(peer, SHUT_RDWR);
	mutex_unlock(&peer_lock);
	kthread_stop(server);
	sock_release(listener);
}

module_init(kping_init);
module_exit(kping_exit);
MODULE_DESCRIPTION("round trips of one byte between in-kernel sockets, for measurements");
MODULE_LICENSE("GPL");
