/* proc/messages.h: all that processes say to one another, declared once: a line is permission,
 * packing, documentation and the fuzzer's shape.
 *
 *     MSG(NAME, name, from, to, descriptors, fields)
 *     CALL(NAME, name, from, to, descriptors of question and answer, AGAIN or ONCE, deadline in ms,
 *          "words when no answer comes", fields of the question, fields of the answer)
 *
 * A MSG is said and done. A CALL is a question and its answer: it makes the messages NAME_ASK and
 * NAME_TELL, gives both an id, gives the answer an error, and matches an answer to the question by
 * the channel it was put on, its type and its id (proc/call.h). AGAIN: doing it twice is doing it
 * once, so a question whose answerer ended is put to its successor; ONCE: it fails then.
 *
 * from and to are roles (proc/roles.h) or several joined by |. A message from a role that may not
 * send it, or to one that may not get it, ends the channel. Fields: F(u64, n), F(str, s),
 * F(list, l), F(err, e). `account` is the account's number, `transaction` the 16 random bytes that
 * name one message on its way, `session` the id in logs. A list of numbers has eight bytes an item
 * (msg_u64_item). */
#ifndef PROC_MESSAGES_H
#define PROC_MESSAGES_H

/* clang-format off */
#define MESSAGES(MSG, CALL) \
    /* The supervisor sets a process up, in this order, then GO. Settings come again at a reload, peers when a channel \
     * broke or a process is new. serial names the channel, so that a late complaint about its predecessor is known. */ \
    MSG(SETUP_CONFIG,   setup_config,   SUPERVISOR, ANY, 0, F(str, text)) \
    MSG(SETUP_LISTENER, setup_listener, SUPERVISOR, EDGES, 1, F(str, service)) \
    MSG(SETUP_FILE,     setup_file,     SUPERVISOR, FILED, 1, F(str, name)) \
    MSG(SETUP_TLS,      setup_tls,      SUPERVISOR, EDGES, 0, F(str, cert) F(str, key)) \
    /* What an edge counts is seen by the others of its kind (net/shared.h): with a key it is the memory of its own, to write; \
     * else that of another instance, to read, or, without a descriptor, that instance has ended. */ \
    MSG(SETUP_SHARED,   setup_shared,   SUPERVISOR, EDGES, 1, F(u64, instance) F(str, key)) \
    MSG(SETUP_PEER,     setup_peer,     SUPERVISOR, ANY, 1, F(u64, role) F(u64, instance) F(u64, serial)) \
    MSG(SETUP_GO,       setup_go,       SUPERVISOR, ANY, 0, ) \
    MSG(DRAIN,          drain,          SUPERVISOR, ANY, 0, ) \
    MSG(READY,          ready,          ANY, SUPERVISOR, 0, ) \
    MSG(PROBLEM,        problem,        ANY, SUPERVISOR, 0, F(str, text)) \
    /* The channel to a peer has ended; broke is 1 when the peer said on it what it may not. */ \
    MSG(PEER_LOST,      peer_lost,      ANY, SUPERVISOR, 0, F(u64, role) F(u64, instance) F(u64, serial) F(u64, broke)) \
    CALL(STATUS,        status,         SUPERVISOR, ANY, 0, 0, ONCE, 2000, "it does not answer", , F(list, counters)) \
    /* The command line asks over the control socket; what concerns accounts is passed on to the directory. args is a \
     * call as admin/call.h prints it; the answer is a page of JSON, and next what the call of the next page names (empty: \
     * the last). A command that did its work and found something wrong has an error and a text. */ \
    CALL(CONTROL,       control,        CONTROL, SUPERVISOR, 0, 0, ONCE, 3600000, "the server does not answer", \
         F(list, args) F(str, input), F(str, next) F(str, text)) \
    CALL(ADMIN,         admin,          SUPERVISOR, DIRECTORY, 0, 0, ONCE, 3600000, "the directory does not answer; try again in a moment", \
         F(list, args) F(str, input) F(str, who), F(str, next) F(str, text)) \
    /* Keys. A service key opens directory.db or queue.db; the directory also gets the key under which it makes \
     * tickets, and the highest number that has, or had, a key. An account's key goes to its process, on a socket of its \
     * own, against a ticket for this one start. */ \
    CALL(SERVICE_KEY,   service_key,    DIRECTORY | RELAY, KEYS, 0, 0, AGAIN, 10000, "the key of the database did not come", \
         , F(str, key) F(str, ticket_key) F(u64, last_account)) \
    CALL(KEYS_CREATE,   keys_create,    DIRECTORY, KEYS, 0, 0, AGAIN, 30000, "no key could be made; try again", F(list, accounts), ) \
    CALL(KEYS_ERASE,    keys_erase,     DIRECTORY, KEYS, 0, 0, AGAIN, 30000, "the account's key could not be destroyed; try again", \
         F(u64, account), ) \
    MSG(KEYS_START,     keys_start,     ACCOUNTS, KEYS, 1, F(u64, account) F(str, ticket)) \
    MSG(ACCOUNT_KEY,    account_key,    KEYS, ACCOUNT, 0, F(err, error) F(str, key) F(u64, generation)) \
    /* Passwords of people: one is verified against its hash, or without a hash one is made. */ \
    CALL(HASH,          hash,           DIRECTORY, HASHER, 0, 0, ONCE, 30000, "the password could not be checked just now; try again", \
         F(str, password) F(str, hash), F(str, hash)) \
    /* Login: the edge shows a credential, and gets its end of a socket to the account's process. */ \
    CALL(LOGIN,         login,          EDGE_MAIL, DIRECTORY, 0, 1, AGAIN, 60000, "the login could not be checked just now; try again", \
         F(str, session) F(str, service) F(str, peer) F(str, prefix) F(str, tag) F(str, authzid) F(str, user) F(str, password), ) \
    /* opened: 1 where the account was open before, so that its files must be there. */ \
    CALL(SESSION,       session,        DIRECTORY, ACCOUNTS, 1, 0, ONCE, 15000, "the account cannot be opened just now; try again", \
         F(u64, account) F(str, service) F(str, session) F(str, user) F(str, tag) F(u64, credential) F(u64, read_only) \
         F(u64, quota) F(u64, subaddress) F(u64, opened) F(str, ticket), ) \
    MSG(SESSION_START,  session_start,  ACCOUNTS, ACCOUNT, 1, F(str, service) F(str, session) F(str, user) F(str, tag) \
                                                              F(u64, credential) F(u64, read_only) F(u64, quota) F(u64, subaddress)) \
    /* Sessions that a credential has opened are over (0: all of the account). */ \
    CALL(SESSIONS_END,  sessions_end,   DIRECTORY, ACCOUNTS, 0, 0, AGAIN, 30000, "the account's process does not answer", \
         F(u64, account) F(u64, credential) F(str, text), ) \
    MSG(SESSIONS_STOP,  sessions_stop,  ACCOUNTS, ACCOUNT, 0, F(u64, credential) F(str, text)) \
    MSG(ACCOUNT_SETTINGS, account_settings, ACCOUNTS, ACCOUNT, 0, F(u64, idle_s) F(u64, retention_days) F(u64, log_debug)) \
    MSG(ACCOUNT_IDLE,   account_idle,   ACCOUNT, ACCOUNTS, 0, F(u64, started)) \
    MSG(ACCOUNT_STOP,   account_stop,   ACCOUNTS, ACCOUNT, 0, ) \
    MSG(ACCOUNT_FAILED, account_failed, ACCOUNT, ACCOUNTS, 0, F(err, error)) \
    /* Its files were opened, at each start of its process; the directory keeps that it was. */ \
    MSG(ACCOUNT_OPENED, account_opened, ACCOUNT, ACCOUNTS, 0, ) \
    MSG(ACCOUNT_IS_OPEN, account_is_open, ACCOUNTS, DIRECTORY, 0, F(u64, account)) \
    /* It goes on, but a message in it cannot be read: said once a process. */ \
    MSG(ACCOUNT_DAMAGED, account_damaged, ACCOUNT, ACCOUNTS, 0, F(str, what)) \
    MSG(ACCOUNT_IS_DAMAGED, account_is_damaged, ACCOUNTS, DIRECTORY, 0, F(u64, account) F(str, what)) \
    /* It will not answer for so long, as it does one long piece of work that was asked for; 0: that is over. */ \
    MSG(ACCOUNT_BUSY,   account_busy,   ACCOUNT, ACCOUNTS, 0, F(u64, seconds)) \
    CALL(ACCOUNT_PING,  account_ping,   ACCOUNTS, ACCOUNT, 0, 0, ONCE, 10000, "it does not answer", , ) \
    CALL(ACCOUNT_REMOVE, account_remove, DIRECTORY, ACCOUNTS, 0, 0, AGAIN, 30000, "the account's files could not be removed", \
         F(u64, account), ) \
    /* On a channel to a role of ours: the account's process lives and listens. */ \
    MSG(LINK_READY,     link_ready,     ACCOUNT, INTAKE | DIRECTORY, 0, ) \
    /* An account did not take its mail in time: does its process still live? */ \
    MSG(ACCOUNT_SLOW,   account_slow,   INTAKE, DIRECTORY, 0, F(u64, account)) \
    MSG(ACCOUNT_PROBE,  account_probe,  DIRECTORY, ACCOUNTS, 0, F(u64, account)) \
    /* The parent of accounts is renewed: its children go to the supervisor and on to its successor, a few at a time. \
     * probe is 1 for one that is to be asked whether it lives, as it was and has not answered, or as it got a session; \
     * busy_until is on CLOCK_BOOTTIME. \
     * A child that does not end when told to is killed by the supervisor; its log has a socket of its own. */ \
    CALL(HAND_OVER,     hand_over,      ACCOUNTS, SUPERVISOR, 1, 0, ONCE, 10000, "the supervisor does not answer", \
         F(u64, account) F(u64, pid) F(u64, started) F(u64, probe) F(u64, busy_until), ) \
    CALL(ADOPT,         adopt,          SUPERVISOR, ACCOUNTS, 1, 0, ONCE, 10000, "the process does not answer", \
         F(u64, account) F(u64, pid) F(u64, started) F(u64, probe) F(u64, busy_until), ) \
    MSG(ACCOUNTS_ORPHAN, accounts_orphan, SUPERVISOR, ACCOUNTS, 0, F(u64, pid) F(u64, signal)) \
    MSG(ACCOUNT_LOG,    account_log,    ACCOUNTS, SUPERVISOR, 1, F(u64, account) F(u64, pid)) \
    MSG(ACCOUNT_KILL,   account_kill,   ACCOUNTS, SUPERVISOR, 0, F(u64, account) F(u64, pid)) \
    /* Arrival: reserved is 1 where room was reserved in the account; RCPT_END gives back all that the session has. */ \
    CALL(RCPT,          rcpt,           EDGE_SMTP, DIRECTORY, 0, 0, AGAIN, 15000, "this address cannot be looked up just now; try again", \
         F(str, session) F(str, local) F(str, domain) F(u64, size), F(u64, reserved)) \
    MSG(RCPT_END,       rcpt_end,       EDGE_SMTP, DIRECTORY, 0, F(str, session)) \
    /* The account's process counts what is reserved against its quota; on a socket made as for a delivery. The session \
     * is a number of the directory's, the same for no two. */ \
    CALL(RESERVE,       reserve,        DIRECTORY, ACCOUNT, 0, 0, ONCE, 5000, "the account does not answer", \
         F(str, session) F(u64, size) F(u64, quota), ) \
    MSG(RESERVE_END,    reserve_end,    DIRECTORY, ACCOUNT, 0, F(str, session)) \
    /* A message: recipients in the list, or, where they are too many for it, in a second sealed memfd, each with a NUL \
     * after it. The answer has a kind for each recipient where they differ, words for those, and how many bytes of \
     * messages intake and accounts' processes hold in all, this one among them only where such a process has it still. */ \
    CALL(ARRIVAL,       arrival,        EDGE_SMTP, INTAKE, 2, 0, AGAIN, 45000, "the message could not be stored in time; try again", \
         F(str, transaction) F(str, session) F(str, return_path) F(str, trace) F(u64, size) F(u64, received) F(list, recipients) \
         F(u64, recipients_size), F(str, words) F(list, kinds) F(u64, held)) \
    CALL(RESOLVE,       resolve,        INTAKE, DIRECTORY, 0, 0, AGAIN, 10000, "the directory does not answer", \
         F(list, recipients), F(list, accounts)) \
    CALL(DELIVERY_OPEN, delivery_open,  INTAKE, DIRECTORY, 0, 1, AGAIN, 15000, "the account cannot be opened just now", F(u64, account), ) \
    /* It may be answered long after the sender was: intake's own patience is shorter, and as long as it is not answered the \
     * process has the message. */ \
    CALL(DELIVER,       deliver,        INTAKE, ACCOUNT, 1, 0, ONCE, 3600000, "the account did not answer", \
         F(str, transaction) F(str, session) F(str, return_path) F(str, trace) F(list, recipients) F(u64, size) F(u64, received), ) \
    /* The queue takes what an account could not, and gives it back to intake later; accounts has the number of each \
     * recipient's account, 0 where nobody could say. A try has one account's recipients, and its number; where that is 0 \
     * nothing is delivered, and the answer says whose they are (0: nobody's). A removed account's entries go. */ \
    CALL(QUEUE_ADD,     queue_add,      INTAKE, RELAY, 1, 0, AGAIN, 20000, "the message could be stored nowhere just now", \
         F(str, transaction) F(str, session) F(str, return_path) F(str, trace) F(list, recipients) F(list, accounts) F(u64, size) \
         F(u64, received), ) \
    CALL(QUEUE_TRY,     queue_try,      RELAY, INTAKE, 1, 0, ONCE, 60000, "no answer", \
         F(str, transaction) F(str, session) F(str, return_path) F(str, trace) F(list, recipients) F(list, accounts) F(u64, size) \
         F(u64, received), F(list, kinds) F(list, accounts)) \
    CALL(QUEUE_PURGE,   queue_purge,    DIRECTORY, RELAY, 0, 0, AGAIN, 30000, "the queue does not answer; try again", \
         F(u64, account) F(list, addresses), F(u64, purged)) \
    /* `posthus account check`, on a socket made as for a delivery. */ \
    CALL(CHECK,         check,          DIRECTORY, ACCOUNT, 0, 0, ONCE, 3600000, "the account's process does not answer", \
         F(u64, repair), F(u64, differences) F(str, report)) \
    /* The operator may have mended it: the next opening is tried, however lately one failed, unless it was removed. */ \
    MSG(ACCOUNT_RETRY,  account_retry,  DIRECTORY, ACCOUNTS, 0, F(u64, account))
/* clang-format on */

#endif
