/* mime/message_fuzz.c: any bytes are a message; what is printed of it is grammar. The first byte
 * chooses how much memory there is and whether the rest is also read as a header value. */
#include "mime/address.h"
#include "mime/date.h"
#include "mime/message.h"
#include "mime/message_check.h"
#include "mime/transfer.h"

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_as_value(struct str value)
{
    struct mime_addresses list;
    struct mime_address address;
    struct arena arena;
    int64_t date;

    arena_init(&arena, 1 << 20);
    mime_addresses_begin(&list, value, &arena);
    while (mime_addresses_next(&list, &address))
        if (address.kind == MIME_ADDRESS_GROUP && address.local.n)
            panic("a group has no local part");
    if (!utf8_valid(mime_decode_words(value, &arena)))
        panic("decoded words are UTF-8");
    if (mime_date_parse(value, &date) && date % 1000000 != 0)
        panic("dates are whole seconds");
    arena_done(&arena);
}

/* The pieces in which bytes come do not change what they decode to. */
static void decode_in_pieces(struct str in, size_t cut, enum mime_transfer kind)
{
    struct mime_decoder d;
    struct buf whole, pieces;

    buf_init(&whole, 1 << 20);
    buf_init(&pieces, 1 << 20);
    mime_decoder_init(&d, kind);
    mime_decoder_feed(&d, in, &whole);
    mime_decoder_end(&d, &whole);
    for (size_t at = 0; at < in.n; at += cut)
        mime_decoder_feed(&d, str_sub(in, at, cut), &pieces);
    mime_decoder_end(&d, &pieces);
    if (!str_equal(buf_view(&whole), buf_view(&pieces)))
        panic("decoding depends on the pieces");
    buf_done(&whole);
    buf_done(&pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes;

    mime_process_init();
    if (size < 1 || size > 300000)
        return 0;
    bytes = str_skip(str_of(data, size), 1);
    mime_check_bytes(bytes, data[0] & 1 ? bytes.n / 2 + 65536 : 512 + (size_t)data[0] * 16);
    if (data[0] & 2)
        read_as_value(bytes);
    if (data[0] & 4) {
        decode_in_pieces(bytes, 1 + data[0] / 8U, MIME_TRANSFER_BASE64);
        decode_in_pieces(bytes, 1 + data[0] / 8U, MIME_TRANSFER_QUOTED);
        decode_in_pieces(bytes, 1 + data[0] / 8U, MIME_TRANSFER_UUENCODE);
    }
    return 0;
}
