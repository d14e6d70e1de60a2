// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clocks of a guest are home's. The kernel's time namespace shifts the monotonic and the boot clock; the page that it shows
 * the vDSO has room for a shift of every clock, and there the others' are kept: the raw one, the time of day and atomic
 * time. Without a vDSO these are calls, which the guest's dispatcher answers here.
 */
#include <linux/mm.h>
#include <linux/nsproxy.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/time.h>
#include <linux/time_namespace.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <asm/ptrace.h>
#include <asm/unistd.h>
#include <vdso/datapage.h>

#include "clocks.h"
#include "shim.h"

/* All at one instant, so that their distances from each other are exact. */
void om_clocks(struct om_clocks *c)
{
	struct system_time_snapshot now, after;
	ktime_t monotonic;

	do {
		ktime_get_snapshot(&now);
		monotonic = ktime_sub(now.real, ktime_mono_to_real(0));
		c->boottime = ktime_to_ns(ktime_mono_to_any(monotonic, TK_OFFS_BOOT));
		c->tai = ktime_to_ns(ktime_mono_to_any(monotonic, TK_OFFS_TAI));
		/* Had a clock been set in between, the distances would be of two times. */
		ktime_get_snapshot(&after);
	} while (now.clock_was_set_seq != after.clock_was_set_seq);
	c->monotonic = ktime_to_ns(monotonic);
	c->raw = ktime_to_ns(now.raw);
	c->realtime = ktime_to_ns(now.real);
}

#ifdef CONFIG_TIME_NS
/* Where in the page the data is. */
#undef _ASM_X86_VVAR_H
#define EMIT_VVAR(name, offset) static const size_t name##_offset __maybe_unused = offset;
#include <asm/vvar.h>
#undef EMIT_VVAR

/* In the page, what is added to this clock. NULL: nothing is, this is no guest. */
static struct timens_offset *offset_of(struct vdso_data *data, clockid_t clock)
{
	if (!data || clock < 0 || clock >= VDSO_BASES)
		return NULL;
	return &data[clock == CLOCK_MONOTONIC_RAW ? CS_RAW : CS_HRES_COARSE].offset[clock];
}

static struct vdso_data *own_page(void)
{
	struct page *page = current->nsproxy->time_ns->vvar_page;
	struct vdso_data *data;

	if (!page)
		return NULL;
	data = page_address(page) + _vdso_data_offset;
	return WARN_ON_ONCE(data->clock_mode != VDSO_CLOCKMODE_TIMENS) ? NULL : data;
}

static void set_offset(struct vdso_data *data, clockid_t clock, s64 ns)
{
	const struct timespec64 shift = ns_to_timespec64(ns);

	*offset_of(data, clock) = (struct timens_offset){ .sec = shift.tv_sec, .nsec = shift.tv_nsec };
}

/* In the vessel, before any program runs in it. The kernel has filled the page when the vessel's program was executed. */
void om_clocks_shift(const struct om_shifts *s)
{
	struct vdso_data *data = own_page();

	if (!data)
		return;
	set_offset(data, CLOCK_MONOTONIC_RAW, s->raw);
	set_offset(data, CLOCK_REALTIME, s->realtime);
	set_offset(data, CLOCK_REALTIME_COARSE, s->realtime);
	set_offset(data, CLOCK_TAI, s->tai);
}

static struct timespec64 shift_of(clockid_t clock)
{
	const struct timens_offset *offset = offset_of(own_page(), clock);
	struct timespec64 shift = { 0, 0 };

	if (offset) {
		shift.tv_sec = offset->sec;
		shift.tv_nsec = offset->nsec;
	}
	return shift;
}

s64 om_timens_shift(void)
{
	return timespec64_to_ns(&current->nsproxy->time_ns->offsets.monotonic);
}

/*
 * Waits until the process' own clock has got there. Something has told it of that moment already, and its clock is
 * behind by less than a message takes: what is farther ahead is no time of home's.
 */
void om_clocks_await(u64 monotonic)
{
	s64 behind = monotonic - (ktime_get_ns() + om_timens_shift());
	ktime_t wait = ns_to_ktime(behind);

	if (behind <= 0 || behind > NSEC_PER_SEC)
		return;
	set_current_state(TASK_KILLABLE | TASK_FREEZABLE);
	schedule_hrtimeout(&wait, HRTIMER_MODE_REL);
}
#else
/* Its clocks are this node's, which have nothing to do with home's. */
void om_clocks_await(u64 monotonic) { }
void om_clocks_shift(const struct om_shifts *s) { }
static struct timespec64 shift_of(clockid_t clock) { return (struct timespec64){ 0, 0 }; }
s64 om_timens_shift(void) { return 0; }
#endif

static s64 shift_ns(clockid_t clock)
{
	const struct timespec64 shift = shift_of(clock);

	return timespec64_to_ns(&shift);
}

/* As the process sees them. */
void om_clocks_seen(u64 *monotonic, u64 *raw, u64 *realtime)
{
	*monotonic = ktime_get_ns() + om_timens_shift();
	*raw = ktime_get_raw_ns() + shift_ns(CLOCK_MONOTONIC_RAW);
	*realtime = ktime_get_real_ns() + shift_ns(CLOCK_REALTIME);
}

/* False: not one of these clocks. */
static bool read_clock(clockid_t clock, struct timespec64 *time)
{
	switch (clock) {
	case CLOCK_REALTIME:
		ktime_get_real_ts64(time);
		break;
	case CLOCK_REALTIME_COARSE:
		ktime_get_coarse_real_ts64(time);
		break;
	case CLOCK_MONOTONIC_RAW:
		ktime_get_raw_ts64(time);
		break;
	case CLOCK_TAI:
		ktime_get_clocktai_ts64(time);
		break;
	default:
		return false;
	}
	*time = timespec64_add(*time, shift_of(clock));
	return true;
}

static long time_of_day(struct __kernel_old_timeval __user *day, struct timezone __user *zone)
{
	struct timespec64 time;

	read_clock(CLOCK_REALTIME, &time);
	if (day && (put_user(time.tv_sec, &day->tv_sec) || put_user(time.tv_nsec / NSEC_PER_USEC, &day->tv_usec)))
		return -EFAULT;
	return zone && copy_to_user(zone, &sys_tz, sizeof(sys_tz)) ? -EFAULT : 0;
}

static long seconds(__kernel_old_time_t __user *to)
{
	struct timespec64 time;

	read_clock(CLOCK_REALTIME_COARSE, &time);
	return to && put_user(time.tv_sec, to) ? -EFAULT : time.tv_sec;
}

/* A wait until a time of day, which the program knows by home's clock. */
static long wait_until_day(const struct pt_regs *regs)
{
	struct timespec64 until;
	s64 shift = shift_ns(CLOCK_REALTIME);
	ktime_t here;

	if (get_timespec64(&until, (const void __user *)regs->r10))
		return -EFAULT;
	if (!timespec64_valid(&until))
		return -EINVAL;
	/* What is beyond the end of time here is for ever. */
	if (check_sub_overflow(timespec64_to_ktime(until), shift, &here))
		here = KTIME_MAX;
	return om_futex_wait((u32 __user *)regs->di, regs->si, regs->dx, max_t(ktime_t, here, 0), regs->r9);
}

/* The guest's call, of the class "clock". */
long om_clock_call(const struct pt_regs *regs)
{
	struct timespec64 time;

	switch (regs->orig_ax) {
	case __NR_gettimeofday:
		return time_of_day((void __user *)regs->di, (void __user *)regs->si);
	case __NR_time:
		return seconds((void __user *)regs->di);
	case __NR_futex:
		return wait_until_day(regs);
	case __NR_clock_gettime:
		if (!read_clock(regs->di, &time))
			return -EINVAL;
		return put_timespec64(&time, (void __user *)regs->si);
	default:
		return -ENOSYS;
	}
}
