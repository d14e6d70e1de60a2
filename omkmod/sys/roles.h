/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef OM_ROLES_H
#define OM_ROLES_H

struct task_struct;

void om_role_exit(struct task_struct *task);
void om_role_born(struct task_struct *parent, struct task_struct *child);
void om_roles_exit(void);

/* traits.c */
void om_traits_born(struct task_struct *parent, struct task_struct *child);
void om_traits_exec(struct task_struct *task);
void om_traits_exit(struct task_struct *task);
/* From Rust: what a child, and an executed program, has of them. */
u64 om_rust_traits_born(u64 bits);
u64 om_rust_traits_exec(u64 bits);

#endif
