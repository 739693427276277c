/* config/settings.h: the one table of settings. Parser, `posthus config check`, `config show`, the sample file and the
 * manual page all come from it.
 *
 *     SETTING(type, field, "key", default, least, most, reload, "help")
 *
 * type: TEXT (char *; least and most bound its bytes), NUMBER (uint64_t; K, M, G suffixes are powers of 1024), BOOL,
 * ADDRESSES (char *; "IP:port" separated by spaces or commas, empty: none), NETWORKS (char *; as 192.0.2.0/24, the same).
 * reload: LIVE takes effect at SIGHUP, START at the next start. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

/* clang-format off */
#define SETTINGS(SETTING)                                                                          \
    SETTING(TEXT, hostname, "hostname", "localhost", 1, 255, START,                                \
            "The name this server calls itself in SMTP and in certificates.")                      \
    SETTING(ADDRESSES, listen_smtp, "listen-smtp", "127.0.0.1:10025", 0, 1000, START,              \
            "Where SMTP from other servers is received, with STARTTLS offered.")                   \
    SETTING(ADDRESSES, listen_smtp_proxy, "listen-smtp-proxy", "", 0, 1000, START,                 \
            "Where SMTP is received behind a load balancer: each connection begins with a header of "  \
            "the PROXY protocol, version 2.")                                                      \
    SETTING(NETWORKS, proxy_from, "proxy-from", "127.0.0.0/8 ::1", 0, 2000, LIVE,                  \
            "Networks of the load balancers; anybody else is turned away at listen-smtp-proxy.")   \
    SETTING(ADDRESSES, listen_lmtp, "listen-lmtp", "", 0, 1000, START,              \
            "Where LMTP is received, for a mail server in front of this one; keep it on loopback.")  \
    SETTING(TEXT, lmtp_socket, "lmtp-socket", "lmtp.sock", 0, 100, START,                          \
            "A Unix socket for LMTP; a path is taken from the data folder; empty: none. Every user may "  \
            "connect to it, but only root can reach into the data folder of a server that root started: "     \
            "a mail server that runs as another user needs a path such as /run/posthus-lmtp.sock.")   \
    SETTING(ADDRESSES, listen_imaps, "listen-imaps", "127.0.0.1:10993", 0, 1000, START,            \
            "Where IMAP is served over TLS from the first byte.")                                  \
    SETTING(ADDRESSES, listen_imap, "listen-imap", "127.0.0.1:10143", 0, 1000, START,              \
            "Where IMAP is served with STARTTLS.")                                                 \
    SETTING(TEXT, tls_cert, "tls-cert", "tls/cert.pem", 1, 1000, LIVE,                             \
            "The certificate chain, PEM; a path is taken from the data folder.")                   \
    SETTING(TEXT, tls_key, "tls-key", "tls/key.pem", 1, 1000, LIVE, "The certificate's private key, PEM.") \
    SETTING(TEXT, tls_names, "tls-names", "", 0, 2000, LIVE,                                       \
            "More names that a client may ask for by SNI, separated by spaces; the hostname and "  \
            "localhost are always allowed. Any other name is refused.")                                    \
    SETTING(BOOL, plain_login, "plain-login-on-loopback", "no", 0, 1, START,                       \
            "Lets a client on loopback log in without TLS.")                                       \
    SETTING(NUMBER, message_size, "message-size", "50M", 1024, 1073741824, LIVE,                   \
            "The largest message that is taken, in bytes.")                                        \
    SETTING(NUMBER, message_memory, "message-memory", "0", 0, 1099511627776, START,                \
            "Memory for messages on their way in, in bytes; 0 is a quarter of the machine's.")     \
    SETTING(NUMBER, recipients, "recipients", "1000", 1, 1000, LIVE,                               \
            "The most recipients of one SMTP transaction.")                                        \
    SETTING(NUMBER, connections, "connections", "10000", 10, 1000000, START,                       \
            "The most connections to all processes of an edge (edge-smtp, edge-mail) together.")   \
    SETTING(NUMBER, connections_address, "connections-per-address", "2000", 1, 1000000, LIVE,      \
            "The most connections from one IPv4 address or IPv6 /64 to all processes of an edge together.") \
    SETTING(NETWORKS, limit_exceptions, "limit-exceptions", "127.0.0.0/8 ::1", 0, 2000, LIVE,      \
            "Networks to which the limits per minute below do not apply.")                      \
    SETTING(NUMBER, smtp_rate_connections, "smtp-rate-connections", "600", 0, 1000000000, LIVE,    \
            "SMTP connections a minute from one IPv4 address or IPv6 /64; a /24 or /48 may make ten "    \
            "times as many. 0: no limit. The same holds for the four below.")                      \
    SETTING(NUMBER, smtp_rate_messages, "smtp-rate-messages", "1200", 0, 1000000000, LIVE,         \
            "Messages a minute.")                                                                  \
    SETTING(NUMBER, smtp_rate_recipients, "smtp-rate-recipients", "6000", 0, 1000000000, LIVE,     \
            "Recipients a minute.")                                                                \
    SETTING(NUMBER, smtp_rate_bytes, "smtp-rate-bytes", "2G", 0, 1099511627776, LIVE,              \
            "Bytes of messages a minute.")                                                         \
    SETTING(NUMBER, smtp_rate_errors, "smtp-rate-errors", "120", 0, 1000000000, LIVE,              \
            "Refused commands and unknown recipients a minute; beyond that, connections are turned away.")  \
    SETTING(NUMBER, messages_connection, "messages-per-connection", "10000", 0, 1000000000, LIVE,  \
            "The most messages of one SMTP connection; 0: no limit.")                              \
    SETTING(NUMBER, smtp_session_time, "smtp-session-time", "7200", 5, 1000000, LIVE,             \
            "Seconds that one SMTP connection may last, however busy it is.")                      \
    SETTING(NUMBER, smtp_timeout, "smtp-timeout", "300", 5, 3600, LIVE,                            \
            "Seconds that an SMTP client may be silent (RFC 5321 section 4.5.3.2).")               \
    SETTING(NUMBER, login_timeout, "login-timeout", "60", 5, 3600, LIVE,                           \
            "Seconds that an IMAP client may take from the beginning of its connection until it has logged in.") \
    SETTING(NUMBER, imap_timeout, "imap-timeout", "1860", 60, 86400, LIVE,                         \
            "Seconds that an IMAP client may be silent after login (RFC 9051 section 5.4: 1800 at least).") \
    SETTING(NUMBER, edges, "edges", "0", 0, 32, START,                                             \
            "Processes of each kind at the network (edge-smtp, edge-mail); limits hold over all of a kind together. " \
            "0: one per core.")                                                                      \
    SETTING(NUMBER, hashers, "hashers", "0", 0, 32, START,                                         \
            "Processes that check human passwords; each takes 19 MiB while it works. 0: one per core.") \
    SETTING(NUMBER, argon2_memory, "argon2-memory", "19M", 8388608, 67108864, LIVE,                \
            "Memory of Argon2id for new passwords, in bytes.")                                     \
    SETTING(NUMBER, argon2_passes, "argon2-passes", "2", 1, 10, LIVE, "Passes of Argon2id for new passwords.") \
    SETTING(NUMBER, account_idle, "account-idle", "10", 1, 3600, LIVE,                             \
            "Seconds after which the process of an idle account ends.")                            \
    SETTING(NUMBER, account_processes, "account-processes", "20000", 1, 1000000, START,            \
            "The most processes of accounts at once; fewer where the hard limit of open files is too low for them.") \
    SETTING(NUMBER, quota, "quota", "0", 0, 1125899906842624, LIVE,                                \
            "Bytes that a new account may hold; 0 is no limit.")                                   \
    SETTING(NUMBER, retention_days, "retention-days", "30", 0, 3650, LIVE,                         \
            "Days that the content of an expunged message is kept for undelete.")                  \
    SETTING(NUMBER, queue_retry, "queue-retry", "20", 1, 3600, LIVE,                               \
            "Seconds before a queued message is first tried; doubles each time, up to an hour.")              \
    SETTING(NUMBER, disk_reserve, "disk-reserve", "256M", 0, 1099511627776, LIVE,                  \
            "Free bytes on the data folder's file system below which mail is refused with 452.")   \
    SETTING(NUMBER, uid_base, "uid-base", "620000", 1000, 4294000000, START,                       \
            "When started as root: each role runs as the user whose number is this plus its own number in proc/roles.h.") \
    SETTING(BOOL, sandbox_required, "sandbox-required", "yes", 0, 1, START,                        \
            "Refuse to start where the kernel has no Landlock.")                                   \
    SETTING(NUMBER, landlock_abi, "landlock-abi", "0", 0, 100, START,                              \
            "Use at most this Landlock ABI; 0 is the newest known.")                               \
    SETTING(NUMBER, log_rate, "log-rate", "1000", 10, 1000000, LIVE,                               \
            "Lines a second that one process may write to the log about what strangers do (connections, "  \
            "refusals, failed logins); ten seconds' worth may come at once. More are dropped and counted.") \
    SETTING(BOOL, log_debug, "log-debug", "no", 0, 1, LIVE, "Write debug lines to the log too.")
/* clang-format on */

#endif
