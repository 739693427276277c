/* proc/messages.h: every message between processes, declared once: its line is its permission, its packing, its
 * documentation and its fuzzer's shape.
 *
 *     MSG(NAME, name, from, to, most descriptors, fields)
 *
 * from and to are roles (proc/roles.h) or several joined by |. A message from a role that may not send it, or to one that
 * may not get it, ends the connection. Fields: F(u64, n), F(str, s), F(list, l). A request has an id that its answer
 * repeats; `kind` is an enum error_kind, 0 for success; `account` is the account's number, `transaction` the 16 random
 * bytes that name one message on its way, `session` the id in logs. */
#ifndef PROC_MESSAGES_H
#define PROC_MESSAGES_H

/* clang-format off */
#define MESSAGES(MSG) \
    /* The supervisor sets a process up, in this order, then GO. */ \
    MSG(SETUP_CONFIG,   setup_config,   SUPERVISOR, ANY, 0, F(str, text)) \
    MSG(SETUP_LISTENER, setup_listener, SUPERVISOR, EDGES, 1, F(str, service)) \
    MSG(SETUP_FILE,     setup_file,     SUPERVISOR, DIRECTORY | KEYS | RELAY | ACCOUNTS, 1, F(str, name)) \
    MSG(SETUP_TLS,      setup_tls,      SUPERVISOR, EDGES, 0, F(str, cert) F(str, key)) \
    MSG(SETUP_PEER,     setup_peer,     SUPERVISOR, ANY, 1, F(u64, role) F(u64, instance)) \
    MSG(SETUP_GO,       setup_go,       SUPERVISOR, ANY, 0, ) \
    MSG(DRAIN,          drain,          SUPERVISOR, ANY, 0, ) \
    MSG(READY,          ready,          ANY, SUPERVISOR, 0, ) \
    MSG(PROBLEM,        problem,        ANY, SUPERVISOR, 0, F(str, text)) \
    MSG(STATUS_ASK,     status_ask,     SUPERVISOR, ANY, 0, F(u64, id)) \
    MSG(STATUS_TELL,    status_tell,    ANY, SUPERVISOR, 0, F(u64, id) F(list, counters)) \
    /* The command line asks over the control socket; what concerns accounts is passed on to the directory. args is a call as \
     * admin/call.h prints it; the answer is a page of JSON, and next what the call of the next page names (empty: the last). */ \
    MSG(CONTROL_CALL,   control_call,   CONTROL, SUPERVISOR, 0, F(u64, id) F(list, args) F(str, input)) \
    MSG(CONTROL_REPLY,  control_reply,  SUPERVISOR, CONTROL, 0, F(u64, id) F(u64, kind) F(str, next) F(str, text)) \
    MSG(ADMIN_CALL,     admin_call,     SUPERVISOR, DIRECTORY, 0, F(u64, id) F(list, args) F(str, input) F(str, who)) \
    MSG(ADMIN_REPLY,    admin_reply,    DIRECTORY, SUPERVISOR, 0, F(u64, id) F(u64, kind) F(str, next) F(str, text)) \
    /* Keys. A service key opens directory.db or queue.db; an account's key goes to its process and to nobody else. */ \
    MSG(SERVICE_KEY_ASK,  service_key_ask,  DIRECTORY | RELAY, KEYS, 0, F(u64, id)) \
    MSG(SERVICE_KEY_TELL, service_key_tell, KEYS, DIRECTORY | RELAY, 0, F(u64, id) F(u64, kind) F(str, key)) \
    MSG(KEYS_CREATE,    keys_create,    DIRECTORY, KEYS, 0, F(u64, id) F(list, accounts)) \
    MSG(KEYS_CREATED,   keys_created,   KEYS, DIRECTORY, 0, F(u64, id) F(u64, kind) F(str, text)) \
    MSG(KEYS_ERASE,     keys_erase,     DIRECTORY, KEYS, 0, F(u64, id) F(u64, account)) \
    MSG(KEYS_ERASED,    keys_erased,    KEYS, DIRECTORY, 0, F(u64, id) F(u64, kind) F(str, text)) \
    MSG(KEYS_START,     keys_start,     ACCOUNTS, KEYS, 1, F(u64, account)) \
    MSG(ACCOUNT_KEY,    account_key,    KEYS, ACCOUNT, 0, F(u64, kind) F(str, text) F(str, key) F(u64, generation)) \
    /* Passwords of people. */ \
    MSG(HASH_ASK,       hash_ask,       DIRECTORY, HASHER, 0, F(u64, id) F(str, password) F(str, hash)) \
    MSG(HASH_TELL,      hash_tell,      HASHER, DIRECTORY, 0, F(u64, id) F(u64, kind) F(str, hash)) \
    /* Login: the edge shows a credential, and gets its end of a socket to the account's process. */ \
    MSG(LOGIN_ASK,      login_ask,      EDGE_MAIL, DIRECTORY, 0, F(u64, id) F(str, session) F(str, service) F(str, peer) F(str, prefix) \
                                                                F(str, tag) F(str, authzid) F(str, user) F(str, password)) \
    MSG(LOGIN_TELL,     login_tell,     DIRECTORY, EDGE_MAIL, 1, F(u64, id) F(u64, kind) F(str, text)) \
    MSG(SESSION_OPEN,   session_open,   DIRECTORY, ACCOUNTS, 1, F(u64, id) F(u64, account) F(str, service) F(str, session) F(str, user) \
                                                               F(str, tag) F(str, credential) F(u64, read_only) F(u64, quota) F(u64, subaddress)) \
    MSG(SESSION_OPENED, session_opened, ACCOUNTS, DIRECTORY, 0, F(u64, id) F(u64, kind) F(str, text)) \
    MSG(SESSION_START,  session_start,  ACCOUNTS, ACCOUNT, 1, F(str, service) F(str, session) F(str, user) F(str, tag) F(str, credential) \
                                                             F(u64, read_only) F(u64, quota) F(u64, subaddress)) \
    MSG(ACCOUNT_IDLE,   account_idle,   ACCOUNT, ACCOUNTS, 0, F(u64, started)) \
    MSG(ACCOUNT_STOP,   account_stop,   ACCOUNTS, ACCOUNT, 0, ) \
    MSG(ACCOUNT_FAILED, account_failed, ACCOUNT, ACCOUNTS, 0, F(u64, kind) F(str, text)) \
    MSG(ACCOUNT_REMOVE, account_remove, DIRECTORY, ACCOUNTS, 0, F(u64, id) F(u64, account)) \
    MSG(ACCOUNT_REMOVED, account_removed, ACCOUNTS, DIRECTORY, 0, F(u64, id) F(u64, kind) F(str, text)) \
    MSG(ACCOUNTS_CHILD, accounts_child, ACCOUNTS | SUPERVISOR, SUPERVISOR | ACCOUNTS, 1, F(u64, account) F(u64, pid) F(u64, started)) \
    MSG(ACCOUNTS_ORPHAN, accounts_orphan, SUPERVISOR, ACCOUNTS, 0, F(u64, pid) F(u64, signal)) \
    /* Arrival: reserved is 1 where room was reserved in the account; RCPT_END gives back all that the session has. */ \
    MSG(RCPT_ASK,       rcpt_ask,       EDGE_SMTP, DIRECTORY, 0, F(u64, id) F(str, session) F(str, local) F(str, domain) F(u64, size)) \
    MSG(RCPT_TELL,      rcpt_tell,      DIRECTORY, EDGE_SMTP, 0, F(u64, id) F(u64, kind) F(str, text) F(u64, reserved)) \
    MSG(RCPT_END,       rcpt_end,       EDGE_SMTP, DIRECTORY, 0, F(str, session)) \
    /* The account's process counts what is reserved against its quota; on a socket made as for a delivery. */ \
    MSG(RESERVE_ASK,    reserve_ask,    DIRECTORY, ACCOUNT, 0, F(u64, id) F(str, session) F(u64, size) F(u64, quota)) \
    MSG(RESERVE_TELL,   reserve_tell,   ACCOUNT, DIRECTORY, 0, F(u64, id) F(u64, kind) F(str, text)) \
    MSG(RESERVE_END,    reserve_end,    DIRECTORY, ACCOUNT, 0, F(str, session)) \
    MSG(INTAKE_RCPTS,   intake_rcpts,   EDGE_SMTP, INTAKE, 0, F(str, transaction) F(list, recipients)) \
    MSG(INTAKE_MESSAGE, intake_message, EDGE_SMTP, INTAKE, 1, F(u64, id) F(str, transaction) F(str, session) F(str, return_path) \
                                                             F(str, trace) F(u64, size) F(u64, received)) \
    /* kinds: one for each recipient where they differ, else empty; eight bytes each. */ \
    MSG(INTAKE_DONE,    intake_done,    INTAKE, EDGE_SMTP, 0, F(u64, id) F(u64, kind) F(str, text) F(list, kinds)) \
    MSG(RESOLVE_ASK,    resolve_ask,    INTAKE, DIRECTORY, 0, F(u64, id) F(list, recipients)) \
    MSG(RESOLVE_TELL,   resolve_tell,   DIRECTORY, INTAKE, 0, F(u64, id) F(u64, kind) F(list, accounts)) \
    MSG(DELIVERY_OPEN,  delivery_open,  INTAKE, DIRECTORY, 0, F(u64, id) F(u64, account)) \
    MSG(DELIVERY_OPENED, delivery_opened, DIRECTORY, INTAKE, 1, F(u64, id) F(u64, kind) F(str, text)) \
    MSG(DELIVER,        deliver,        INTAKE, ACCOUNT, 1, F(u64, id) F(str, transaction) F(str, session) F(str, return_path) F(str, trace) \
                                                           F(list, recipients) F(u64, size) F(u64, received)) \
    MSG(DELIVERED,      delivered,      ACCOUNT, INTAKE, 0, F(u64, id) F(u64, kind) F(str, text)) \
    /* The queue takes what an account could not, and gives it back to intake later. */ \
    MSG(QUEUE_ADD,      queue_add,      INTAKE, RELAY, 1, F(u64, id) F(str, transaction) F(str, session) F(str, return_path) F(str, trace) \
                                                         F(list, recipients) F(u64, size) F(u64, received)) \
    MSG(QUEUE_ADDED,    queue_added,    RELAY, INTAKE, 0, F(u64, id) F(u64, kind) F(str, text)) \
    MSG(QUEUE_TRY,      queue_try,      RELAY, INTAKE, 1, F(u64, id) F(str, transaction) F(str, session) F(str, return_path) F(str, trace) \
                                                         F(list, recipients) F(u64, size) F(u64, received)) \
    MSG(QUEUE_TRIED,    queue_tried,    INTAKE, RELAY, 0, F(u64, id) F(u64, kind) F(str, text)) \
    /* `posthus account check`, on a socket made as for a delivery. */ \
    MSG(CHECK_ASK,      check_ask,      DIRECTORY, ACCOUNT, 0, F(u64, id) F(u64, repair)) \
    MSG(CHECK_TELL,     check_tell,     ACCOUNT, DIRECTORY, 0, F(u64, id) F(u64, kind) F(str, text))
/* clang-format on */

#endif
