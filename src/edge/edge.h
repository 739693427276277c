/* edge/edge.h: the processes at the network: TLS, limits, the dialogue before login. They hold no files and no keys to
 * mail; what they see of a session they see because they end its TLS (SECURITY.md). */
#ifndef EDGE_EDGE_H
#define EDGE_EDGE_H

#include "base/base.h"

NORETURN void edge_smtp_main(unsigned instance);
NORETURN void edge_mail_main(unsigned instance);

#endif
