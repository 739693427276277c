/* account/service.c: what an account's process is asked for. */
#include "account/account_int.h"

#include <unistd.h>

/* The settings came with the message; there is nothing more to do. */
static void settings_start(struct account *a, int fd, const struct msg_session_start *m)
{
    (void)a, (void)m;
    close(fd);
}

/* clang-format off */
const struct account_service account_services[] = {
    /* name       start                 is busy          ends sessions */
    {"imap",      session_start,        session_is_busy, session_end_all},
    {"intake",    link_start_intake,    link_is_busy,    NULL},
    {"directory", link_start_directory, NULL,            NULL},
    {"settings",  settings_start,       NULL,            NULL},
};
/* clang-format on */
const size_t account_services_n = ARRAY_LEN(account_services);
