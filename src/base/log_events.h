/* base/log_events.h: the names of all log events, in one list. EVENT(CONSTANT, "name", LEVEL, "what it tells, and what
 * an operator may do").  INFO and above are written always, DEBUG only when log-debug is on. */
#define LOG_EVENTS(EVENT)                                                                          \
    EVENT(SERVER_START, "server-start", INFO, "the supervisor begins; version and data folder")    \
    EVENT(SERVER_READY, "server-ready", INFO, "all roles are up and the ports are open")           \
    EVENT(SERVER_STOP, "server-stop", INFO, "the supervisor ends, and why")                        \
    EVENT(SERVER_RELOAD, "server-reload", INFO,                                                    \
          "SIGHUP: certificates and settings were read again")                                     \
    EVENT(ROLE_START, "role-start", INFO, "a process was started")                                 \
    EVENT(ROLE_EXIT, "role-exit", WARN, "a process ended by itself and is started again")          \
    EVENT(ROLE_PROBLEM, "role-problem", WARN, "something that an operator should look at")         \
    EVENT(CHANNEL_BROKEN, "channel-broken", WARN,                                                  \
          "a peer broke the framing or sent what it may not")                                      \
    EVENT(CONFIG_PROBLEM, "config-problem", ERROR, "a setting could not be used")                  \
    EVENT(CONNECT, "connect", INFO, "a client connected")                                          \
    EVENT(DISCONNECT, "disconnect", INFO, "a client's connection ended")                           \
    EVENT(REFUSED, "refused", WARN, "a connection was refused because of a limit")                 \
    EVENT(TLS, "tls", INFO, "a TLS handshake succeeded; version and cipher")                       \
    EVENT(TLS_FAILED, "tls-failed", INFO, "a TLS handshake failed")                                \
    EVENT(LOGIN, "login", INFO, "a login succeeded")                                               \
    EVENT(LOGIN_FAILED, "login-failed", WARN, "a login failed, and why")                           \
    EVENT(SESSION, "session", INFO, "an account's process has taken a session")                    \
    EVENT(MAIL_OFFERED, "mail-offered", DEBUG,                                                     \
          "intake offers a message to the accounts of its recipients")                             \
    EVENT(MAIL_ACCEPTED, "mail-accepted", INFO, "250 was said after the data")                     \
    EVENT(MAIL_REFUSED, "mail-refused", INFO, "a sender, recipient or message was refused")        \
    EVENT(MAIL_DELIVERED, "mail-delivered", INFO, "a message is committed in an account")          \
    EVENT(MAIL_QUEUED, "mail-queued", WARN,                                                        \
          "a message is in the queue because its account could not take it")                       \
    EVENT(MAIL_REQUEUED, "mail-requeued", WARN, "a queued message was tried and stays")            \
    EVENT(MAIL_UNQUEUED, "mail-unqueued", INFO, "a queued message was delivered")                  \
    EVENT(QUOTA_WARNING, "quota-warning", INFO,                                                    \
          "an account was told by mail that its quota is nearly used")                             \
    EVENT(ACCOUNT_START, "account-start", INFO, "an account's process was forked")                 \
    EVENT(ACCOUNT_END, "account-end", INFO, "an account's process ended")                          \
    EVENT(ACCOUNT_CRASH, "account-crash", ERROR, "an account's process was killed by a signal")    \
    EVENT(ACCOUNT_DAMAGED, "account-damaged", ERROR, "an account's file did not verify")           \
    EVENT(ADMIN, "admin", INFO, "a command of the operator was carried out")                       \
    EVENT(DEBUG_NOTE, "debug", DEBUG, "for developers")
