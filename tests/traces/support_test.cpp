#include <set>

#include "helpers.h"
#include "traces/support/progress.h"
#include "traces/support/progress_line.h"
#include "traces/support/random.h"
#include "traces/support/sha256.h"

namespace spikeloop {
namespace {

TEST(Sha256, FipsVectors) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(
      sha256_hex("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmn"
                 "opqrsmnopqrstnopqrstu"),
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  EXPECT_EQ(sha256_hex(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesGiveTheSameDigestAsTheWhole) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 7);
  for (const std::size_t piece : {1U, 3U, 63U, 64U, 65U, 299U}) {
    Sha256 sha;
    for (std::size_t at = 0; at < text.size(); at += piece) sha.update(text.substr(at, piece));
    EXPECT_EQ(sha.hex_digest(), sha256_hex(text)) << piece;
  }
}

TEST(InputError, TextNamesFilePlaceFoundAndExpected) {
  EXPECT_STREQ(InputError("a.json", "/rows", "0", "1 to 8").what(),
               "a.json: /rows: found 0, expected 1 to 8");
  EXPECT_STREQ(InputError("a.json", "/rows", "a\nb", "").what(), "a.json: /rows: found a b");
  EXPECT_STREQ(InputError("a.json", "", "", "x").what(), "a.json: expected x");
}

TEST(NearestWord, EditDistanceAndSuggestion) {
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("rows", "rows"), 0);
  EXPECT_EQ(edit_distance("rwos", "rows"), 1);  // neighbours swapped
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  const std::set<std::string> words{"rows", "columns", "adc_bits"};
  EXPECT_EQ(nearest_word("colums", words), "columns");
  EXPECT_EQ(nearest_word("adcbits", words), "adc_bits");
  EXPECT_EQ(nearest_word("frequency", words), "");
}

TEST(Random, SplitmixKnownStream) {
  // First outputs of Vigna's splitmix64 with seed 1234567.
  RandomStream random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317ULL);
  EXPECT_EQ(random.next(), 3203168211198807973ULL);
  EXPECT_EQ(random.next(), 9817491932198370423ULL);
}

TEST(Progress, Durations) {
  EXPECT_EQ(format_duration(0), "0.0 s");
  EXPECT_EQ(format_duration(4.23), "4.2 s");
  EXPECT_EQ(format_duration(59.96), "1 min 00 s");
  EXPECT_EQ(format_duration(200), "3 min 20 s");
  EXPECT_EQ(format_duration(3599.7), "1 h 00 min");
  EXPECT_EQ(format_duration(3725), "1 h 02 min");
  EXPECT_EQ(format_duration(-1), "?");
}

TEST(Progress, PlainLine) {
  ProgressState s{"train", "batches", "loss 1.92", 400, 100, 10, false};
  EXPECT_EQ(plain_progress_line(s), "train: 100/400 batches (25 %), 10.0 batches/s, 30.0 s left, loss 1.92");
  s.done = 399;
  EXPECT_NE(plain_progress_line(s).find("(99 %)"), std::string::npos);
  s.done = 400;
  s.last = true;
  EXPECT_EQ(plain_progress_line(s), "train: 400/400 batches (100 %), 40.0 batches/s, took 10.0 s, loss 1.92");
  s = {"scan", "files", "", 0, 3, 0, false};
  EXPECT_EQ(plain_progress_line(s), "scan: 3 files");
}

TEST(Progress, LiveLineFitsTheWidth) {
  const ProgressState s{"train", "batches", "é loss 1.92", 400, 200, 10, false};
  for (int width = 1; width < 140; ++width) {
    const std::string line = live_progress_line(s, width);
    int columns = 0;
    for (const char c : line) columns += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
    EXPECT_LE(columns, width);
  }
  const std::string wide = live_progress_line(s, 140);
  EXPECT_NE(wide.find("[###############...............] 200/400"), std::string::npos) << wide;
}

/// What is written to stderr meanwhile; gtest puts a file there, so it is no terminal.
std::string stderr_of(const std::function<void()>& action) {
  ::testing::internal::CaptureStderr();
  action();
  return ::testing::internal::GetCapturedStderr();
}

TEST(Progress, WithoutTerminalOnlyTheFinalLineWithinTenSeconds) {
  const std::string text = stderr_of([] {
    Progress p("work", 1000, "items");
    for (int i = 0; i < 1000; ++i) p.advance();
    p.finish("done");
    p.finish("again");
  });
  EXPECT_EQ(text.find("work: 1000/1000 items (100 %)"), 0U) << text;
  EXPECT_EQ(text.find('\n'), text.size() - 1) << text;
  EXPECT_NE(text.find(", done\n"), std::string::npos) << text;
  EXPECT_EQ(text.find('\r'), std::string::npos);
}

TEST(Progress, QuietIsSilent) {
  EXPECT_EQ(stderr_of([] {
              Progress p("work", 10, "items", true);
              p.advance(10);
              p.finish();
            }),
            "");
}

}  // namespace
}  // namespace spikeloop
