/* edge/edge.h: the processes at the network: TLS, limits, SMTP, and IMAP until login. They hold no files and no keys to
 * mail; they see sessions and messages in the clear only because TLS ends here (SECURITY.md). */
#ifndef EDGE_EDGE_H
#define EDGE_EDGE_H

#include "base/base.h"

/* The roles edge-smtp and edge-mail (proc/roles.h), from process_main to the end of the process. */
NORETURN void edge_smtp_main(unsigned instance);
NORETURN void edge_mail_main(unsigned instance);

#endif
