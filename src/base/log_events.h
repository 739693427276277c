/* base/log_events.h: the names of all log events, in one list. EVENT(CONSTANT, "name", LEVEL,
 * OURS or THEIRS, "what it tells, and what an operator may do"). INFO and above are written always,
 * DEBUG only when log-debug is on. THEIRS are lines that strangers cause as they like: the setting
 * log-rate bounds them. */
#define LOG_EVENTS(EVENT)                                                                          \
    EVENT(SERVER_START, "server-start", INFO, OURS,                                                \
          "the supervisor begins; version and data folder")                                        \
    EVENT(SERVER_READY, "server-ready", INFO, OURS, "all roles are up and the ports are open")     \
    EVENT(SERVER_STOP, "server-stop", INFO, OURS, "the supervisor ends, and why")                  \
    EVENT(SERVER_RELOAD, "server-reload", INFO, OURS,                                              \
          "SIGHUP: certificates and settings were read again")                                     \
    EVENT(ROLE_START, "role-start", INFO, OURS, "a process was started")                           \
    EVENT(ROLE_EXIT, "role-exit", WARN, OURS, "a process ended, and is started again")             \
    EVENT(ROLE_PROBLEM, "role-problem", WARN, OURS, "something that an operator should look at")   \
    EVENT(CHANNEL_BROKEN, "channel-broken", WARN, OURS,                                            \
          "a peer broke the framing or sent what it may not")                                      \
    EVENT(CHANNEL_REJOINED, "channel-rejoined", WARN, OURS,                                        \
          "two living processes lost their channel and have a new one")                            \
    EVENT(DROPPED, "log-dropped", WARN, OURS,                                                      \
          "how many lines of a process were not written, because it wrote too many")               \
    EVENT(ROLE_KILLED, "role-killed", WARN, OURS,                                                  \
          "a process broke the rules or did not answer in time, and was killed")                   \
    EVENT(CONFIG_PROBLEM, "config-problem", ERROR, OURS, "a setting could not be used")            \
    EVENT(CONNECT, "connect", INFO, THEIRS, "a client connected")                                  \
    EVENT(DISCONNECT, "disconnect", INFO, THEIRS, "a client's connection ended")                   \
    EVENT(REFUSED, "refused", WARN, THEIRS, "a connection was refused, and why")                   \
    EVENT(TLS, "tls", INFO, THEIRS, "a TLS handshake succeeded; version and cipher")               \
    EVENT(TLS_FAILED, "tls-failed", INFO, THEIRS, "a TLS handshake failed")                        \
    EVENT(LOGIN, "login", INFO, OURS, "a login succeeded")                                         \
    EVENT(LOGIN_FAILED, "login-failed", WARN, THEIRS, "a login failed, and why")                   \
    EVENT(SESSION, "session", INFO, OURS, "an account's process has taken a session")              \
    EVENT(MAIL_OFFERED, "mail-offered", DEBUG, OURS,                                               \
          "intake offers a message to the accounts of its recipients")                             \
    EVENT(MAIL_ACCEPTED, "mail-accepted", INFO, OURS, "250 was said to the data of a message")     \
    EVENT(MAIL_REFUSED, "mail-refused", INFO, THEIRS,                                              \
          "a sender, recipient or message was refused")                                            \
    EVENT(MAIL_DELIVERED, "mail-delivered", INFO, OURS, "a message is committed in an account")    \
    EVENT(MAIL_QUEUED, "mail-queued", WARN, OURS,                                                  \
          "a message is in the queue because its account could not take it")                       \
    EVENT(MAIL_REQUEUED, "mail-requeued", WARN, OURS, "a queued message was tried and stays")      \
    EVENT(MAIL_UNQUEUED, "mail-unqueued", INFO, OURS, "a queued message was delivered")            \
    EVENT(QUOTA_WARNING, "quota-warning", INFO, OURS,                                              \
          "an account was told by mail that its quota is nearly used")                             \
    EVENT(ACCOUNT_START, "account-start", INFO, OURS, "an account's process was forked")           \
    EVENT(ACCOUNT_END, "account-end", INFO, OURS, "an account's process ended")                    \
    EVENT(ACCOUNT_CRASH, "account-crash", ERROR, OURS,                                             \
          "an account's process was killed by a signal")                                           \
    EVENT(ACCOUNT_DAMAGED, "account-damaged", ERROR, OURS, "an account's file did not verify")     \
    EVENT(ADMIN, "admin", INFO, OURS, "a command from the operator was carried out")               \
    EVENT(DEBUG_NOTE, "debug", DEBUG, OURS, "for developers")
/* clang-format on */
