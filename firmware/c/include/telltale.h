/*
 * telltale.h - reads texts with a Telltale model, word by word
 *
 * SYNOPSIS
 *     static tt_classifier classifier;
 *     static uint32_t memory[SENTIMENT_MEMORY / 4];
 *
 *     tt_answer answer;
 *     if (tt_open(&classifier, sentiment, sizeof sentiment, memory, sizeof memory) == TT_OK) {
 *         tt_feed(&classifier, "slow, but su", 12, NULL, NULL);
 *         tt_feed(&classifier, "perb", 4, NULL, NULL);
 *         tt_finish(&classifier, NULL, NULL, &answer);
 *     }
 *
 * DESCRIPTION
 *     A model (an array of bytes that `host export` or `host image` wrote for the core) is checked once, by tt_open;
 *     after that no text of any length can overflow, index out of range or stop the program. There is no heap, no
 *     float, no static memory and no call of the operating system in here: what a classifier needs is its handle
 *     and a block of memory, both the caller's. Any number of them may be open at once, also on one model.
 *
 *     Texts are UTF-8 and may be cut anywhere, also within a character; bytes that are no UTF-8 do no harm.
 *
 *     Every function returns TT_OK or the code of what was wrong, and does nothing where it was wrong;
 *     tt_error_text tells it as a sentence. A function that fails for TT_ERROR_NULL, _MISALIGNED, _LENGTH, _OVERLAP,
 *     _NOT_OPEN or _BUSY has been called wrongly.
 *
 *     One handle serves one thread at a time; a callback may use other handles than its own, and must return (no
 *     longjmp, no C++ exception). A handle that is not static is zeroed before it is opened for the first time.
 *
 * C99 and C++. The library is little endian and uses no floating-point registers: it links into programs of
 * either float ABI.
 */
#ifndef TELLTALE_H
#define TELLTALE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header; tt_version() is the library's. */
#define TT_VERSION "0.1.0"

/* Bytes of a handle, and the boundary on which it lies: for whoever makes room for one by other means than
 * declaring it. */
#if UINTPTR_MAX > 0xFFFFFFFFu
#define TT_CLASSIFIER_BYTES 1160
#else
#define TT_CLASSIFIER_BYTES 728
#endif
#define TT_CLASSIFIER_ALIGN 8

/* The boundaries on which the model and the memory lie; 16 is faster for the memory of a Cortex-M55. */
#define TT_MODEL_ALIGN 16
#define TT_MEMORY_ALIGN 4

/* The most bytes of a word that a callback gets. */
#define TT_WORD_BYTES 32

/* Room for any sentence of tt_error_text, its final zero included. */
#define TT_ERROR_TEXT_BYTES 160

/* A classifier. What is in it is the library's affair. */
typedef struct tt_classifier {
    uint64_t opaque[TT_CLASSIFIER_BYTES / 8];
} tt_classifier;

/* The answer to a text. */
typedef struct tt_answer {
    const char *label;     /* UTF-8 in the model, WITHOUT a final zero: print it with "%.*s" */
    size_t label_bytes;    /* bytes of the label */
    uint32_t words;        /* words of the text */
    uint32_t unknown;      /* those that are not in the vocabulary */
    uint16_t category;     /* the class, by its number in the order of the labels */
    uint16_t probability;  /* of the class, in steps of 1/10000: 0 to 10000 */
    uint8_t rejected;      /* 1 if the text is none of the classes, by the model's rule; the label is the nearest then */
} tt_answer;

/* What a model says after a word. */
typedef struct tt_prediction {
    const char *word;      /* the word as it is looked up, UTF-8, WITHOUT a final zero; until the callback returns */
    size_t word_bytes;     /* bytes of the word, TT_WORD_BYTES at most: longer ones are cut here, not when read */
    const char *label;     /* of the class, as in tt_answer */
    size_t label_bytes;
    uint64_t trace;        /* hash of word and state, the same on every machine; 0 unless tt_set_tracing */
    uint32_t id;           /* of the word in the vocabulary */
    uint16_t category;     /* the class so far */
    uint16_t probability;  /* of the class, in steps of 1/10000 */
    uint8_t known;         /* 1 if the word is in the vocabulary, otherwise 0 */
    uint8_t decided;       /* 1 if the text had been decided before the word, by the rule of early exit, otherwise 0 */
} tt_prediction;

/* Gets each word and the prediction after it; `context` is what was given to the function that calls it. */
typedef void (*tt_on_word)(void *context, const tt_prediction *prediction);

/* What functions return. */
enum {
    TT_OK = 0,
    TT_ERROR_NULL = 1,           /* a pointer is null that must not be */
    TT_ERROR_MISALIGNED = 2,     /* handle, model, memory or answer is not on its boundary */
    TT_ERROR_LENGTH = 3,         /* more bytes than there can be */
    TT_ERROR_OVERLAP = 4,        /* two blocks of bytes overlap that must not */
    TT_ERROR_NOT_OPEN = 5,       /* no model is open in the handle: tt_open failed or was not called */
    TT_ERROR_BUSY = 6,           /* a callback called a function on its own handle */
    TT_ERROR_NO_MODEL = 16,      /* the bytes are something else: give what `host export` or `host image` wrote */
    TT_ERROR_MODEL_VERSION = 17, /* a format that this library does not read: export the model with its version */
    TT_ERROR_MODEL_DAMAGED = 18, /* cut, padded or changed: copy the model again */
    TT_ERROR_MODEL_LAYOUT = 19,  /* laid out for another core: take the array for this one */
    TT_ERROR_MODEL_FEATURE = 20, /* the library was built for other models: take the one exported with this model */
    TT_ERROR_MEMORY = 21,        /* the memory is smaller than the model needs */
    TT_ERROR_SELF_TEST = 22,     /* this machine computes other numbers than the model's writer: report it */
    TT_ERROR_BUFFER = 32,        /* the buffer is smaller than a saved state */
    TT_ERROR_STATE_LENGTH = 33,  /* more or fewer bytes than a saved state of this model */
    TT_ERROR_STATE_MODEL = 34,   /* a saved state of another model */
    TT_ERROR_STATE_DAMAGED = 35, /* a saved state with a number out of range */
    TT_ERROR_RULE = 36           /* a rule of early exit out of range, or a library built without early exit */
};

/*
 * tt_open - opens a model in a handle
 *
 * Checks the model, and this machine's arithmetic by the model's self-test; the handle is then at the start of a text.
 * A handle may be opened again, and needs no closing. `model` and `memory` must stay where they are, and memory
 * must be left alone, for as long as the handle is used.
 *
 * model, model_bytes     the model for this core, on a boundary of TT_MODEL_ALIGN bytes
 * memory, memory_bytes   as many bytes as `host inspect` or the exported header say, on one of TT_MEMORY_ALIGN; more
 *                        does no harm
 */
int tt_open(tt_classifier *classifier, const void *model, size_t model_bytes, void *memory, size_t memory_bytes);

/*
 * tt_feed - takes the next bytes of the text
 *
 * on_word   is called for each word that ends among them; may be null, as may be text if bytes is 0
 */
int tt_feed(tt_classifier *classifier, const char *text, size_t bytes, tt_on_word on_word, void *context);

/*
 * tt_finish - ends the text
 *
 * on_word   is called if the last word had not ended; may be null
 * answer    gets the answer, the last word included; may be null
 *
 * The next byte starts a new text.
 */
int tt_finish(tt_classifier *classifier, tt_on_word on_word, void *context, tt_answer *answer);

/* tt_classify - answers a whole text; one that was being fed is dropped */
int tt_classify(tt_classifier *classifier, const char *text, size_t bytes, tt_answer *answer);

/* tt_reset - drops the text: the next byte starts a new one */
int tt_reset(tt_classifier *classifier);

/* tt_set_tracing - from now on, predictions have traces (on not 0) or not (0, as after tt_open) */
int tt_set_tracing(tt_classifier *classifier, int on);

/*
 * tt_set_early_exit - another rule of early exit than the model's; to be set between texts
 *
 * Once the same class has had at least `probability` (1 to 10000, in steps of 1/10000) after each of so many words in a
 * row, the rest of the text is not read. No words: every word is read.
 */
int tt_set_early_exit(tt_classifier *classifier, uint16_t probability, uint16_t words);

/* tt_saved_bytes - the bytes that tt_save writes, always the same for a model; 0 of a handle that is not open */
size_t tt_saved_bytes(const tt_classifier *classifier);

/* tt_save - writes how far the text is, in the middle of a word or of a character too, to a buffer of so many bytes */
int tt_save(tt_classifier *classifier, void *buffer, size_t bytes);

/* tt_restore - goes on with a text that was saved with the same model, on whatever machine; `bytes` are those of
 * tt_saved_bytes */
int tt_restore(tt_classifier *classifier, const void *saved, size_t bytes);

/*
 * tt_error_text - tells the last error of a handle as a sentence: what was found, what was expected
 *
 * Writes it to `text`, with a final zero, cut where `bytes` end; returns the bytes of the whole sentence without the
 * zero. `text` may be null if bytes is 0. TT_ERROR_TEXT_BYTES are always enough. Without an error it is "ok".
 */
size_t tt_error_text(const tt_classifier *classifier, char *text, size_t bytes);

/* tt_version - the library's version, with a final zero */
const char *tt_version(void);

/* A program is not compiled where a handle has another size or boundary. */
struct tt_behind_a_byte {
    char byte;
    tt_classifier classifier;
};
typedef char tt_size_holds[sizeof(tt_classifier) == TT_CLASSIFIER_BYTES ? 1 : -1];
typedef char tt_boundary_holds[offsetof(struct tt_behind_a_byte, classifier) == TT_CLASSIFIER_ALIGN ? 1 : -1];

#ifdef __cplusplus
}
#endif

#endif
