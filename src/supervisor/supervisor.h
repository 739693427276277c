/* supervisor/supervisor.h: the first process. It reads the settings, binds the ports, opens the files, starts every role with
 * exactly what its row in proc/roles.h gives it, joins them by channels, and restarts those that end.
 *
 *     STARTING -- all READY --> SERVING -- SIGTERM, SIGINT --> STOPPING -- all have ended --> exit
 *
 * STARTING: the edges are set up when all others are ready, so that no port answers before mail can be taken.
 * When a role reports a PROBLEM, or ends three times, before the server was ever ready, the server ends with its words.
 * STOPPING goes by stages (proc/roles.h), those who take mail in first; a process that exceeds its stage's time is killed. */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "base/base.h"

/* Serves the data folder `data` until SIGTERM or SIGINT; then the process ends with status 0, or with 1 when it could not
 * serve. ready_fd (or -1): one byte is written to it when the server is ready, and it is closed. */
NORETURN void supervisor_main(const char *data, int ready_fd);

#endif
