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
 *     after that no text of any length can overflow, index out of range or stop the program. The library uses no heap,
 *     no floats, no static memory and no system calls: a classifier needs only its handle and a block of memory, both
 *     the caller's. Any number of classifiers may be open at once, even with the same model.
 *
 *     Texts are UTF-8 and may be cut anywhere, even within a character; invalid UTF-8 does no harm.
 *
 *     Every function returns TT_OK or an error code, and does nothing on an error; tt_error_text describes the error
 *     in a sentence. A function that fails with TT_ERROR_NULL, _MISALIGNED, _LENGTH, _OVERLAP, _NOT_OPEN or _BUSY was
 *     called incorrectly.
 *
 *     One handle serves one thread at a time; a callback may use any handle except its own, and must return (no
 *     longjmp, no C++ exception). A handle that is not static must be zeroed before it is opened for the first time.
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

/* Size and alignment of a handle in bytes, to make room for one other than by declaring it. */
#if UINTPTR_MAX > 0xFFFFFFFFu
#define TT_CLASSIFIER_BYTES 1160
#else
#define TT_CLASSIFIER_BYTES 728
#endif
#define TT_CLASSIFIER_ALIGN 8

/* Alignment of the model and of the memory in bytes; 16 is faster for the memory of a Cortex-M55. */
#define TT_MODEL_ALIGN 16
#define TT_MEMORY_ALIGN 4

/* The most bytes of a word in a callback. */
#define TT_WORD_BYTES 32

/* Room for any sentence of tt_error_text, including the final zero. */
#define TT_ERROR_TEXT_BYTES 160

/* A classifier. Its content is private to the library. */
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
    uint8_t rejected;      /* 1 if the text is none of the classes, by the model's rule; the label is then the nearest */
} tt_answer;

/* A model's prediction after a word. */
typedef struct tt_prediction {
    const char *word;      /* the word as looked up, UTF-8, WITHOUT a final zero; valid until the callback returns */
    size_t word_bytes;     /* bytes of the word, TT_WORD_BYTES at most: longer words are cut here only, not when read */
    const char *label;     /* of the class, as in tt_answer */
    size_t label_bytes;
    uint64_t trace;        /* hash of word and state, the same on every machine; 0 without tt_set_tracing */
    uint32_t id;           /* of the word in the vocabulary */
    uint16_t category;     /* the class so far */
    uint16_t probability;  /* of the class, in steps of 1/10000 */
    uint8_t known;         /* 1 if the word is in the vocabulary, otherwise 0 */
    uint8_t decided;       /* 1 if the early-exit rule had decided the text before this word, otherwise 0 */
} tt_prediction;

/* Is called with each word and the prediction after it; `context` is passed through from the calling function. */
typedef void (*tt_on_word)(void *context, const tt_prediction *prediction);

/* Return values. */
enum {
    TT_OK = 0,
    TT_ERROR_NULL = 1,           /* a required pointer is null */
    TT_ERROR_MISALIGNED = 2,     /* handle, model, memory or answer is misaligned */
    TT_ERROR_LENGTH = 3,         /* more bytes than can exist */
    TT_ERROR_OVERLAP = 4,        /* two blocks of bytes overlap but must not */
    TT_ERROR_NOT_OPEN = 5,       /* no model is open in the handle: tt_open failed or was not called */
    TT_ERROR_BUSY = 6,           /* a callback called a function on its own handle */
    TT_ERROR_NO_MODEL = 16,      /* the bytes are not a model: use the output of `host export` or `host image` */
    TT_ERROR_MODEL_VERSION = 17, /* a format that this library does not read: export the model with the library's version */
    TT_ERROR_MODEL_DAMAGED = 18, /* cut, padded or changed: copy the model again */
    TT_ERROR_MODEL_LAYOUT = 19,  /* laid out for another core: use the array for this one */
    TT_ERROR_MODEL_FEATURE = 20, /* the library was built for other models: use the one exported with this model */
    TT_ERROR_MEMORY = 21,        /* the memory is smaller than the model needs */
    TT_ERROR_SELF_TEST = 22,     /* this machine computes different numbers from the model's writer: report it */
    TT_ERROR_BUFFER = 32,        /* the buffer is smaller than a saved state */
    TT_ERROR_STATE_LENGTH = 33,  /* more or fewer bytes than a saved state of this model */
    TT_ERROR_STATE_MODEL = 34,   /* a saved state of another model */
    TT_ERROR_STATE_DAMAGED = 35, /* a saved state with a number out of range */
    TT_ERROR_RULE = 36           /* an early-exit rule out of range, or a library built without early exit */
};

/*
 * tt_open - opens a model in a handle
 *
 * Checks the model, and this machine's arithmetic by the model's self-test; the handle is then at the start of a text.
 * A handle may be opened again, and needs no closing. `model` and `memory` must stay in place, and memory must not be
 * touched, as long as the handle is used.
 *
 * model, model_bytes     the model for this core, aligned to TT_MODEL_ALIGN bytes
 * memory, memory_bytes   at least the bytes given by `host inspect` or the exported header, aligned to TT_MEMORY_ALIGN
 */
int tt_open(tt_classifier *classifier, const void *model, size_t model_bytes, void *memory, size_t memory_bytes);

/*
 * tt_feed - takes the next bytes of the text
 *
 * on_word   is called for each word that ends in them; may be null; text may be null if bytes is 0
 */
int tt_feed(tt_classifier *classifier, const char *text, size_t bytes, tt_on_word on_word, void *context);

/*
 * tt_finish - ends the text
 *
 * on_word   is called if the last word had not ended; may be null
 * answer    receives the answer, which includes the last word; may be null
 *
 * The next byte starts a new text.
 */
int tt_finish(tt_classifier *classifier, tt_on_word on_word, void *context, tt_answer *answer);

/* tt_classify - answers a whole text; a text that was being fed is dropped */
int tt_classify(tt_classifier *classifier, const char *text, size_t bytes, tt_answer *answer);

/* tt_reset - drops the text: the next byte starts a new one */
int tt_reset(tt_classifier *classifier);

/* tt_set_tracing - turns the traces of predictions on (nonzero) or off (0, as after tt_open) */
int tt_set_tracing(tt_classifier *classifier, int on);

/*
 * tt_set_early_exit - replaces the model's early-exit rule; to be called between texts
 *
 * Once the same class has had at least `probability` (1 to 10000, in steps of 1/10000) after each of `words` words in a
 * row, the rest of the text is not read. If `words` is 0, every word is read.
 */
int tt_set_early_exit(tt_classifier *classifier, uint16_t probability, uint16_t words);

/* tt_saved_bytes - returns the bytes that tt_save writes, always the same for a model; 0 if the handle is not open */
size_t tt_saved_bytes(const tt_classifier *classifier);

/* tt_save - saves the state of the text, even in the middle of a word or character, to a buffer of `bytes` bytes */
int tt_save(tt_classifier *classifier, void *buffer, size_t bytes);

/* tt_restore - resumes a text that was saved with the same model, on any machine; `bytes` is tt_saved_bytes() */
int tt_restore(tt_classifier *classifier, const void *saved, size_t bytes);

/*
 * tt_error_text - describes the last error of a handle in a sentence: what was found, what was expected
 *
 * Writes it to `text`, with a final zero, cut to `bytes` bytes; returns the bytes of the whole sentence without the
 * zero. `text` may be null if bytes is 0. TT_ERROR_TEXT_BYTES is always enough. Without an error it is "ok".
 */
size_t tt_error_text(const tt_classifier *classifier, char *text, size_t bytes);

/* tt_version - returns the library's version, with a final zero */
const char *tt_version(void);

/* Compilation fails if a handle has another size or alignment. */
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
