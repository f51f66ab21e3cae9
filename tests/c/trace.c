/* Reads the texts of texts.h with two handles in turn, the first from the front, the second from the back. Behind every
 * chunk, the first is saved, led astray and restored. Prints a line for each word and each answer. */
#include <stdio.h>
#include "model.h"
#include "texts.h"

struct reader {
    tt_classifier classifier;
    uint32_t memory[MODEL_MEMORY / 4];
    char name;
    unsigned long words;
    const unsigned char *rest, *end;
};

static struct reader front, back;
static unsigned char saved[2048];

static void say(void *context, const tt_prediction *said)
{
    struct reader *reader = (struct reader *)context;
    printf("%c %lu ", reader->name, reader->words++);
    fwrite(said->word, 1, said->word_bytes, stdout);
    printf(" %lu ", (unsigned long)said->id);
    fwrite(said->label, 1, said->label_bytes, stdout);
    printf(" %u %u%u %08lx%08lx\n", said->probability, said->known, said->decided,
           (unsigned long)(said->trace >> 32), (unsigned long)(said->trace & 0xFFFFFFFFu));
}

static int start(struct reader *reader, char name)
{
    char wrong[TT_ERROR_TEXT_BYTES];
    reader->name = name;
    if (tt_open(&reader->classifier, model, MODEL_BYTES, reader->memory, sizeof reader->memory) == TT_OK)
        return tt_set_tracing(&reader->classifier, 1);
    tt_error_text(&reader->classifier, wrong, sizeof wrong);
    puts(wrong);
    return 1;
}

static void take(struct reader *reader, unsigned text)
{
    reader->words = 0;
    reader->rest = texts + starts[text];
    reader->end = texts + starts[text + 1];
}

static int feed(struct reader *reader, size_t most)
{
    size_t bytes = (size_t)(reader->end - reader->rest);
    const char *chunk = (const char *)reader->rest;
    if (bytes > most)
        bytes = most;
    reader->rest += bytes;
    return tt_feed(&reader->classifier, chunk, bytes, say, reader);
}

static int finish(struct reader *reader)
{
    tt_answer answer;
    int code = tt_finish(&reader->classifier, say, reader, &answer);
    printf("%c = %s %u %lu %lu\n", reader->name, model_labels[answer.category], answer.probability,
           (unsigned long)answer.words, (unsigned long)answer.unknown);
    return code;
}

int main(void)
{
    unsigned text;
    int wrong = start(&front, 'F') | start(&back, 'B');
    size_t bytes = tt_saved_bytes(&front.classifier);
    if (wrong || bytes > sizeof saved)
        return 1;
    for (text = 0; text < TEXTS; text++) {
        take(&front, text);
        take(&back, TEXTS - 1 - text);
        while (front.rest < front.end || back.rest < back.end) {
            wrong |= feed(&front, 7) | tt_save(&front.classifier, saved, bytes);
            wrong |= tt_feed(&front.classifier, "led astray <", 12, NULL, NULL);
            wrong |= tt_restore(&front.classifier, saved, bytes) | feed(&back, 3);
        }
        wrong |= finish(&front) | finish(&back);
    }
    return wrong;
}
