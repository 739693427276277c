/* supervisor/supervisor.h: the first process. It reads the settings, binds the ports, opens the files, starts every role with
 * exactly what its row in roles.h gives it, joins them by channels, and starts again what ended.
 *
 *     STARTING -- all READY --> SERVING -- SIGTERM, SIGINT --> STOPPING -- all ended, or 10 s --> exit
 *
 * STARTING: the edges are set up when all others are ready, so that no port answers before mail can be taken.
 * A role that says PROBLEM, or ends three times, before the server was ever ready ends the server with its words. */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "base/base.h"

/* Serves the data folder until SIGTERM; the process then ends with its status, 1 when it could not serve. ready_fd (or -1) is written one byte and closed when the
 * ports are open. */
NORETURN void supervisor_main(const char *data, int ready_fd);

#endif
