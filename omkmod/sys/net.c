// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel sockets for links. All input and output is non-blocking, and waiting is done here, with the rule that fits
 * the waiter: a deputy at rest waits interruptibly and freezably, everybody else only for the link
 * or for death. So no frame is ever cut in two by a signal.
 *
 * Links must be usable while the task is inside a user's own sendmsg (a page fault there asks for a page), so they
 * never use current->task_frag.
 */
#include <linux/bvec.h>
#include <linux/delay.h>
#include <linux/freezer.h>
#include <linux/in.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/poll.h>
#include <linux/tcp.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "shim.h"
#include "task.h"

static struct sockaddr_in address(u32 ip, u16 port)
{
	return (struct sockaddr_in) {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(ip), .sin_port = htons(port),
	};
}

/* A dead peer is noticed after about 20 s of silence, or when data stays unacknowledged for that long. */
static void prepare(struct socket *sock)
{
	sock->sk->sk_use_task_frag = false;
	sock->sk->sk_allocation = GFP_NOIO;
	tcp_sock_set_nodelay(sock->sk);
	sock_set_keepalive(sock->sk);
	tcp_sock_set_keepidle(sock->sk, 5);
	tcp_sock_set_keepintvl(sock->sk, 5);
	tcp_sock_set_keepcnt(sock->sk, 3);
	tcp_sock_set_user_timeout(sock->sk, 20000);
}

/* Killable, and not counted as load: a forwarded call may sleep for long. */
#define OM_WAIT_STATE (TASK_KILLABLE | TASK_NOLOAD | TASK_FREEZABLE)

/* Sockets wake only interruptible sleepers; ours are not, and want to be woken all the same. */
static int wake_any(struct wait_queue_entry *entry, unsigned int mode, int flags, void *key)
{
	return default_wake_function(entry, TASK_NORMAL, flags, key);
}

/* Waits for the condition: what is left of the time, at least 1; 0 when it is over; -ERESTARTSYS when killed. */
#define om_wait_for(sock, condition, timeout)				\
({									\
	DEFINE_WAIT_FUNC(__wait, wake_any);				\
	long __left = (timeout);					\
	bool __stubborn = fatal_signal_pending(current) && om_role_stubborn();	\
	add_wait_queue(sk_sleep((sock)->sk), &__wait);			\
	for (;;) {							\
		set_current_state(__stubborn ? TASK_IDLE : OM_WAIT_STATE);	\
		if (condition) {					\
			__left = __left ? __left : 1;			\
			break;						\
		}							\
		if (!__left)						\
			break;						\
		if (fatal_signal_pending(current) && !__stubborn) {	\
			__left = -ERESTARTSYS;				\
			break;						\
		}							\
		__left = schedule_timeout(__left);			\
	}								\
	__set_current_state(TASK_RUNNING);				\
	remove_wait_queue(sk_sleep((sock)->sk), &__wait);		\
	__left;								\
})

static bool connected(struct socket *sock)
{
	return sock->sk->sk_state != TCP_SYN_SENT;
}

/* Connects from our own address; gives up after `ms` or when the caller is killed. */
struct socket *om_connect(u32 from, u32 to, u16 port, unsigned int ms)
{
	struct sockaddr_in local = address(from, 0), peer = address(to, port);
	struct socket *sock;
	long left;
	int ret;

	ret = sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP, &sock);
	if (ret)
		return ERR_PTR(ret);
	prepare(sock);
	ret = kernel_bind(sock, (struct sockaddr *)&local, sizeof(local));
	if (ret)
		goto fail;
	ret = kernel_connect(sock, (struct sockaddr *)&peer, sizeof(peer), O_NONBLOCK);
	if (ret == -EINPROGRESS) {
		left = om_wait_for(sock, connected(sock), msecs_to_jiffies(ms));
		ret = left < 0 ? left : !left ? -ETIMEDOUT :
		      sock->sk->sk_err ? -sock->sk->sk_err :
		      sock->sk->sk_state == TCP_ESTABLISHED ? 0 : -ECONNREFUSED;
	}
	if (!ret)
		return sock;
fail:
	sock_release(sock);
	return ERR_PTR(ret);
}

struct socket *om_listen(u32 ip, u16 port)
{
	struct sockaddr_in local = address(ip, port);
	struct socket *sock;
	int ret = sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP, &sock);

	if (ret)
		return ERR_PTR(ret);
	sock_set_reuseaddr(sock->sk);
	ret = kernel_bind(sock, (struct sockaddr *)&local, sizeof(local));
	if (!ret)
		ret = kernel_listen(sock, 128);
	if (!ret)
		return sock;
	sock_release(sock);
	return ERR_PTR(ret);
}

/* For a kthread: the next connection, or NULL when it shall stop. */
struct socket *om_accept(struct socket *listener)
{
	struct socket *sock;
	int ret;

	while (!kthread_should_stop()) {
		ret = kernel_accept(listener, &sock, O_NONBLOCK);
		if (!ret) {
			prepare(sock);
			return sock;
		}
		if (ret != -EAGAIN) {
			msleep_interruptible(100);
			continue;
		}
		wait_event_interruptible_timeout(*sk_sleep(listener->sk),
			!reqsk_queue_empty(&inet_csk(listener->sk)->icsk_accept_queue) ||
			kthread_should_stop(), HZ);
	}
	return NULL;
}

struct socket *om_udp(u32 ip, u16 port)
{
	struct sockaddr_in local = address(ip, port);
	struct socket *sock;
	int ret = sock_create_kern(&init_net, AF_INET, SOCK_DGRAM, IPPROTO_UDP, &sock);

	if (ret)
		return ERR_PTR(ret);
	ret = kernel_bind(sock, (struct sockaddr *)&local, sizeof(local));
	if (!ret)
		return sock;
	sock_release(sock);
	return ERR_PTR(ret);
}

int om_udp_send(struct socket *sock, u32 ip, u16 port, const void *buf, size_t len)
{
	struct sockaddr_in to = address(ip, port);
	struct msghdr msg = { .msg_name = &to, .msg_namelen = sizeof(to), .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	struct kvec vec = { .iov_base = (void *)buf, .iov_len = len };

	return kernel_sendmsg(sock, &msg, &vec, 1, len);
}

/* -EAGAIN after `ms` without a datagram. For kthreads. */
int om_udp_recv(struct socket *sock, u32 *ip, void *buf, size_t len, unsigned int ms)
{
	struct sockaddr_in from = {};
	struct msghdr msg = { .msg_name = &from, .msg_namelen = sizeof(from) };
	struct kvec vec = { .iov_base = buf, .iov_len = len };
	int ret;

	wait_event_interruptible_timeout(*sk_sleep(sock->sk),
		!skb_queue_empty_lockless(&sock->sk->sk_receive_queue) ||
		!skb_queue_empty_lockless(&udp_sk(sock->sk)->reader_queue) || kthread_should_stop(),
		msecs_to_jiffies(ms));
	ret = kernel_recvmsg(sock, &msg, &vec, 1, len, MSG_DONTWAIT);
	*ip = ntohl(from.sin_addr.s_addr);
	return ret;
}

void om_close(struct socket *sock)
{
	kernel_sock_shutdown(sock, SHUT_RDWR);
	sock_release(sock);
}

void om_shutdown(struct socket *sock)
{
	kernel_sock_shutdown(sock, SHUT_RDWR);
}

u32 om_peer(struct socket *sock)
{
	return ntohl(sock->sk->sk_daddr);
}

/* ---- moving bytes, never waiting ---- */

int om_send(struct socket *sock, const void *buf, size_t len, bool more)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0) };
	struct kvec vec = { .iov_base = (void *)buf, .iov_len = len };

	return kernel_sendmsg(sock, &msg, &vec, 1, len);
}

/* Whole pages without copying them. `skip` bytes of the run have been sent already. */
int om_send_pages(struct socket *sock, struct page **pages, unsigned int n, size_t skip)
{
	struct bio_vec vec[OM_BATCH];
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_SPLICE_PAGES };
	unsigned int i;

	if (n > OM_BATCH || skip >= n * PAGE_SIZE)
		return -EINVAL;
	for (i = 0; i < n; i++)
		bvec_set_page(&vec[i], pages[i], PAGE_SIZE, 0);
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, vec, n, n * PAGE_SIZE);
	iov_iter_advance(&msg.msg_iter, skip);
	return sock_sendmsg(sock, &msg);
}

int om_recv(struct socket *sock, void *buf, size_t len)
{
	struct msghdr msg = { };
	struct kvec vec = { .iov_base = buf, .iov_len = len };

	return kernel_recvmsg(sock, &msg, &vec, 1, len, MSG_DONTWAIT);
}

/* Straight into one's own user memory, which must be plain and writable. */
int om_recv_user(struct socket *sock, unsigned long to, size_t len)
{
	struct msghdr msg = { };
	int ret = import_ubuf(ITER_DEST, (void __user *)to, len, &msg.msg_iter);

	return ret ? ret : sock_recvmsg(sock, &msg, MSG_DONTWAIT);
}

/* ---- waiting ---- */

static bool readable(struct socket *sock)
{
	struct sock *sk = sock->sk;

	return !skb_queue_empty_lockless(&sk->sk_receive_queue) || sk->sk_err ||
	       (READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN) || sk->sk_state == TCP_CLOSE;
}

static bool writable(struct socket *sock)
{
	struct sock *sk = sock->sk;

	if (sk_stream_is_writeable(sk) || sk->sk_err || (READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN) ||
	    sk->sk_state == TCP_CLOSE)
		return true;
	set_bit(SOCK_NOSPACE, &sock->flags);
	smp_mb__after_atomic();
	return sk_stream_is_writeable(sk);
}

bool om_readable(struct socket *sock) { return readable(sock); }

/* 0: ready; -ETIMEDOUT; -ERESTARTSYS: the caller is being killed. */
int om_wait(struct socket *sock, bool write, unsigned int ms)
{
	long left = om_wait_for(sock, write ? writable(sock) : readable(sock),
				msecs_to_jiffies(ms));

	return left > 0 ? 0 : left ? left : -ETIMEDOUT;
}

/* The same for input, which also ends when somebody has set @wish and woken the task: 1. */
int om_wait_or_wish(struct socket *sock, const bool *wish, unsigned int ms)
{
	long left = om_wait_for(sock, readable(sock) || READ_ONCE(*wish), msecs_to_jiffies(ms));

	return left > 0 ? !readable(sock) : left ? left : -ETIMEDOUT;
}

/*
 * ---- a guest that computes hears its link through a kick; a deputy that is stopped is roused by it, and the call that it makes is
 * interrupted ----
 */

struct om_ear {
	struct om_kick *kick;
	struct task_struct *deputy;
	void (*data_ready)(struct sock *sk);
	void (*state_change)(struct sock *sk);
	unsigned int listening;
};

static void ear_kick(struct sock *sk)
{
	struct om_ear *ear = sk->sk_user_data;

	if (ear && ear->deputy) {
		om_rouse(ear->deputy);
		if (READ_ONCE(ear->listening))
			om_disturb(ear->deputy);
	} else if (ear && READ_ONCE(ear->listening)) {
		om_kick_now(ear->kick);
	}
}

static void ear_data_ready(struct sock *sk)
{
	struct om_ear *ear;

	read_lock_bh(&sk->sk_callback_lock);
	ear = sk->sk_user_data;
	if (ear)
		ear->data_ready(sk);
	ear_kick(sk);
	read_unlock_bh(&sk->sk_callback_lock);
}

static void ear_state_change(struct sock *sk)
{
	struct om_ear *ear;

	read_lock_bh(&sk->sk_callback_lock);
	ear = sk->sk_user_data;
	if (ear)
		ear->state_change(sk);
	ear_kick(sk);
	read_unlock_bh(&sk->sk_callback_lock);
}

/* Without a kick: for the current task, a deputy. */
int om_ear_open(struct socket *sock, struct om_kick *kick)
{
	struct om_ear *ear = kzalloc(sizeof(*ear), GFP_KERNEL);

	if (!ear)
		return -ENOMEM;
	ear->kick = kick;
	if (!kick)
		ear->deputy = get_task_struct(current);
	write_lock_bh(&sock->sk->sk_callback_lock);
	ear->data_ready = sock->sk->sk_data_ready;
	ear->state_change = sock->sk->sk_state_change;
	sock->sk->sk_user_data = ear;
	sock->sk->sk_data_ready = ear_data_ready;
	sock->sk->sk_state_change = ear_state_change;
	write_unlock_bh(&sock->sk->sk_callback_lock);
	return 0;
}

void om_ear_close(struct socket *sock)
{
	struct om_ear *ear;

	write_lock_bh(&sock->sk->sk_callback_lock);
	ear = sock->sk->sk_user_data;
	if (ear) {
		sock->sk->sk_data_ready = ear->data_ready;
		sock->sk->sk_state_change = ear->state_change;
		sock->sk->sk_user_data = NULL;
	}
	write_unlock_bh(&sock->sk->sk_callback_lock);
	if (ear && ear->deputy)
		put_task_struct(ear->deputy);
	kfree(ear);
}

/*
 * While the guest itself reads its link it needs no knocking, and a deputy only while it makes a call and expects no answers.
 * Turning it on reports what is there already.
 */
void om_ear_listen(struct socket *sock, bool on)
{
	struct om_ear *ear = sock->sk->sk_user_data;

	if (!ear)
		return;
	WRITE_ONCE(ear->listening, on);
	smp_mb();
	if (!on || !readable(sock))
		return;
	if (ear->deputy)
		om_disturb(ear->deputy);
	else
		om_kick_now(ear->kick);
}

/* ---- kernel threads ---- */

struct om_thread {
	int (*fn)(void *data);
	void *data;
	bool detached;
	struct completion *started;
};

static int thread_main(void *data)
{
	struct om_thread t = *(struct om_thread *)data;
	int ret;

	kfree(data);
	complete(t.started);
	ret = t.fn(t.data);
	if (t.detached)
		module_put_and_kthread_exit(ret);
	/* A joined thread waits to be told. */
	while (!kthread_should_stop())
		schedule_timeout_interruptible(HZ);
	return ret;
}

/* A joined thread is stopped with om_thread_stop(); a detached one holds the module until it ends. */
struct task_struct *om_thread_run(int (*fn)(void *), void *data, const char *name, bool detached)
{
	struct om_thread *t = kmalloc(sizeof(*t), GFP_KERNEL);
	DECLARE_COMPLETION_ONSTACK(started);
	struct task_struct *task;

	if (!t)
		return ERR_PTR(-ENOMEM);
	if (detached && !try_module_get(THIS_MODULE)) {
		kfree(t);
		return ERR_PTR(-EBUSY);
	}
	*t = (struct om_thread) { .fn = fn, .data = data, .detached = detached, .started = &started };
	task = kthread_run(thread_main, t, "%s", name);
	if (IS_ERR(task)) {
		kfree(t);
		if (detached)
			module_put(THIS_MODULE);
		return task;
	}
	/* A thread that is stopped before it has begun would never run, and never drop what it was given. */
	wait_for_completion(&started);
	return task;
}

void om_thread_stop(struct task_struct *task) { kthread_stop(task); }
bool om_thread_should_stop(void) { return kthread_should_stop(); }
void om_thread_sleep(unsigned int ms) { schedule_timeout_interruptible(msecs_to_jiffies(ms)); }
