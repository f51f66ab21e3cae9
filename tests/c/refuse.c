/* Calls everything as it must not be called: each call is refused with its code, and nothing else happens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "model.h"

static int calls;

#define MUST(expected, call)                                                                    \
    do {                                                                                        \
        int code = (call);                                                                      \
        calls++;                                                                                \
        if (code != (expected)) {                                                               \
            printf("line %d: %s gave %d, expected %d\n", __LINE__, #call, code, (int)expected); \
            exit(1);                                                                            \
        }                                                                                       \
    } while (0)

static void come_back(void *context, const tt_prediction *prediction)
{
    tt_classifier *own = (tt_classifier *)context;
    tt_answer answer;
    MUST(TT_ERROR_BUSY, tt_feed(own, prediction->word, prediction->word_bytes, NULL, NULL));
    MUST(TT_ERROR_BUSY, tt_finish(own, NULL, NULL, &answer));
    MUST(TT_ERROR_BUSY, tt_open(own, model, MODEL_BYTES, &answer, sizeof answer));
    MUST(0, (int)tt_saved_bytes(own));
}

static void says(const tt_classifier *handle, const char *expected)
{
    char text[TT_ERROR_TEXT_BYTES];
    size_t length = tt_error_text(handle, text, sizeof text);
    MUST((int)strlen(text), (int)length);
    if (!strstr(text, expected)) {
        printf("\"%s\" is not in \"%s\"\n", expected, text);
        exit(1);
    }
}

int main(void)
{
    /* On the heap and no byte longer than they are said to be, so that a checker sees every byte too far. */
    char *bytes = (char *)aligned_alloc(16, (MODEL_BYTES + 15u) / 16 * 16);
    char *memory = (char *)malloc(MODEL_MEMORY);
    tt_classifier *handle = (tt_classifier *)calloc(1, sizeof *handle);
    char *saved, *text = (char *)malloc(3);
    char few[8];
    tt_answer answer, again;
    size_t state, cut;
    memcpy(bytes, model, MODEL_BYTES);
    memcpy(text, "abc", 3);

    MUST(TT_ERROR_NULL, tt_open(NULL, bytes, MODEL_BYTES, memory, MODEL_MEMORY));
    says(NULL, "null");
    MUST(TT_ERROR_NOT_OPEN, tt_feed(handle, text, 3, NULL, NULL));
    MUST(TT_ERROR_NOT_OPEN, tt_classify(handle, text, 3, &answer));
    MUST(0, (int)tt_saved_bytes(handle));
    says(handle, "tt_open");
    MUST(TT_ERROR_MISALIGNED, tt_open((tt_classifier *)(void *)((char *)handle + 4), bytes, 8, memory, 4));
    MUST(TT_ERROR_NULL, tt_open(handle, NULL, MODEL_BYTES, memory, MODEL_MEMORY));
    MUST(TT_ERROR_NULL, tt_open(handle, bytes, MODEL_BYTES, NULL, MODEL_MEMORY));
    MUST(TT_ERROR_LENGTH, tt_open(handle, bytes, (size_t)-1, memory, MODEL_MEMORY));
    MUST(TT_ERROR_MISALIGNED, tt_open(handle, bytes + 4, MODEL_BYTES - 4, memory, MODEL_MEMORY));
    MUST(TT_ERROR_MISALIGNED, tt_open(handle, bytes, MODEL_BYTES, memory + 2, MODEL_MEMORY - 2));
    MUST(TT_ERROR_OVERLAP, tt_open(handle, bytes, MODEL_BYTES, bytes + 16, 64));
    MUST(TT_ERROR_OVERLAP, tt_open(handle, bytes, MODEL_BYTES, handle, sizeof *handle));
    MUST(TT_ERROR_MEMORY, tt_open(handle, bytes, MODEL_BYTES, memory, MODEL_MEMORY - 4));
    says(handle, "memory smaller than the model needs: found ");
    MUST(TT_ERROR_NOT_OPEN, tt_reset(handle));
    says(handle, "memory smaller than the model needs: found ");
    for (cut = 0; cut < MODEL_BYTES; cut += cut < 512 ? 1 : 997)
        if (tt_open(handle, bytes, cut, memory, MODEL_MEMORY) == TT_OK)
            return 1;
    for (cut = 0; cut < MODEL_BYTES; cut += cut < 512 ? 1 : 997) {
        bytes[cut] ^= 0x10;
        if (tt_open(handle, bytes, MODEL_BYTES, memory, MODEL_MEMORY) == TT_OK)
            return 1;
        bytes[cut] ^= 0x10;
    }
    bytes[0] = 'X';
    MUST(TT_ERROR_NO_MODEL, tt_open(handle, bytes, MODEL_BYTES, memory, MODEL_MEMORY));
    says(handle, "wrong magic");
    bytes[0] = 'T';

    MUST(TT_OK, tt_open(handle, bytes, MODEL_BYTES, memory, MODEL_MEMORY));
    says(handle, "ok");
    MUST(TT_ERROR_NULL, tt_feed(handle, NULL, 1, NULL, NULL));
    MUST(TT_OK, tt_feed(handle, NULL, 0, NULL, NULL));
    MUST(TT_ERROR_LENGTH, tt_feed(handle, text, (size_t)-1, NULL, NULL));
    MUST(TT_ERROR_OVERLAP, tt_feed(handle, (const char *)handle, 4, NULL, NULL));
    MUST(TT_ERROR_OVERLAP, tt_feed(handle, memory, 4, NULL, NULL));
    MUST(TT_ERROR_MISALIGNED, tt_finish(handle, NULL, NULL, (tt_answer *)(void *)(few + 1)));
    MUST(TT_ERROR_NULL, tt_classify(handle, text, 3, NULL));
    MUST(TT_ERROR_RULE, tt_set_early_exit(handle, 0, 1));
    MUST(TT_ERROR_RULE, tt_set_early_exit(handle, 10001, 1));
    MUST(TT_OK, tt_set_early_exit(handle, 0, 0));
    MUST(TT_OK, tt_classify(handle, "a wonderful film", 16, &answer));
    MUST(TT_OK, tt_feed(handle, "a wonderful film ", 17, come_back, handle));
    says(handle, "callback");
    /* A call that is refused leaves the text that is being fed as it is. */
    MUST(TT_ERROR_MISALIGNED, tt_classify(handle, text, 3, (tt_answer *)(void *)(few + 1)));
    MUST(TT_ERROR_NULL, tt_classify(handle, NULL, 3, &answer));
    MUST(TT_ERROR_OVERLAP, tt_classify(handle, text, 3, (tt_answer *)(void *)memory));
    MUST(TT_OK, tt_finish(handle, come_back, handle, &again));
    MUST(answer.category, again.category);
    MUST(answer.probability, again.probability);
    MUST(3, (int)again.words);

    state = tt_saved_bytes(handle);
    saved = (char *)malloc(state);
    MUST(TT_ERROR_BUFFER, tt_save(handle, saved, state - 1));
    MUST(TT_ERROR_NULL, tt_save(handle, NULL, state));
    MUST(TT_OK, tt_feed(handle, "a wonder", 8, NULL, NULL));
    MUST(TT_OK, tt_save(handle, saved, state));
    MUST(TT_ERROR_STATE_LENGTH, tt_restore(handle, saved, state - 1));
    saved[0] ^= 1;
    MUST(TT_ERROR_STATE_MODEL, tt_restore(handle, saved, state));
    says(handle, "another model");
    saved[0] ^= 1;
    MUST(TT_OK, tt_reset(handle));
    MUST(TT_OK, tt_restore(handle, saved, state));
    MUST(TT_OK, tt_feed(handle, "ful film", 8, NULL, NULL));
    MUST(TT_OK, tt_finish(handle, NULL, NULL, &again));
    MUST(answer.probability, again.probability);
    /* Whatever a state says, it is refused or read. */
    for (cut = 4; cut < state; cut++) {
        saved[cut] ^= 0xFF;
        if (tt_restore(handle, saved, state) == TT_OK && tt_feed(handle, text, 3, NULL, NULL) != TT_OK)
            return 1;
        saved[cut] ^= 0xFF;
    }

    memset(few, 'x', sizeof few);
    MUST((int)tt_error_text(handle, NULL, 0), (int)tt_error_text(handle, few, 4));
    MUST(0, few[3]);
    MUST('x', few[4]);
    MUST(0, strcmp(tt_version(), TT_VERSION));
    free(saved);
    free(handle);
    free(memory);
    free(bytes);
    free(text);
    printf("%d calls\n", calls);
    return 0;
}
