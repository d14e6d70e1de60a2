/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef OM_ROLES_H
#define OM_ROLES_H

struct task_struct;

void om_role_exit(struct task_struct *task);
void om_role_born(struct task_struct *parent, struct task_struct *child);
void om_roles_exit(void);

#endif
