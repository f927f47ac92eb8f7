#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "models/data/jpeg.h"
#include "models/data/npz.h"
#include "tests/models/data/helpers.h"
#include "tests/models/data/writers.h"

namespace spikeloop::models {
namespace {

Dataset open(const std::string& name, const std::string& dir, Framing framing = {}) {
  DatasetOptions options;
  options.dir = dir;
  options.framing = framing;
  return open_dataset(name, options);
}

int sum(const std::vector<std::uint8_t>& bytes) { return std::accumulate(bytes.begin(), bytes.end(), 0); }

/// A small data set in a folder of its own, and what opening it says after `change`.
struct Small {
  explicit Small(const std::string& data) : name(data) { write_small_dataset(name, folder.path()); }
  std::string file(const std::string& path) const { return folder.file(path); }
  Dataset opened(Framing framing = {}) const { return open(name, folder.path(), framing); }
  std::string error() const {
    return error_of([&] { opened(); });
  }
  std::string name;
  TemporaryFolder folder;
};

// CIFAR-100

TEST(Cifar100, ReadsFineLabelsAndRefusesPartsOfRecords) {
  const Small small("cifar100");
  const Dataset dataset = small.opened();
  EXPECT_EQ(dataset.train->size(), 2);
  EXPECT_EQ(dataset.train->label(1), 4);
  EXPECT_EQ(sample_of(dataset, *dataset.train, 1), std::vector<std::uint8_t>(3072, 8));
  ASSERT_EQ(dataset.notes.size(), 2U);
  EXPECT_EQ(dataset.notes[0], "train has 2 samples, the published cifar100 50000");
  write_bytes(small.file("test.bin"), std::string(3074 + 5, '\0'));
  EXPECT_TRUE(contains(small.error(), "test.bin: size: found 3079 bytes (1 whole records and 5 bytes)"));
  write_bytes(small.file("test.bin"), "\x14" + std::string(3073, '\0'));
  EXPECT_TRUE(contains(small.error(), "record 0: found coarse label 20, expected a label 0..19"));
  write_bytes(small.file("test.bin"), std::string(1, '\0') + "d" + std::string(3072, '\0'));
  EXPECT_TRUE(contains(small.error(), "record 0: found label 100, expected a label 0..99"));
}

TEST(Cifar100, RealSubsetIsBalanced) {
  const std::string dir = shared_folder() + "/data/cifar-100-binary-subset";
  if (!std::filesystem::exists(dir)) GTEST_SKIP() << "no CIFAR-100 in " << dir;
  const Dataset dataset = open("cifar100", dir);
  ASSERT_EQ(dataset.train->size(), 2500);
  ASSERT_EQ(dataset.test->size(), 1000);
  std::vector<int> train(100), test(100);
  for (std::int64_t i = 0; i < 2500; ++i) ++train[static_cast<std::size_t>(dataset.train->label(i))];
  for (std::int64_t i = 0; i < 1000; ++i) ++test[static_cast<std::size_t>(dataset.test->label(i))];
  EXPECT_EQ(train, std::vector<int>(100, 25));
  EXPECT_EQ(test, std::vector<int>(100, 10));
  ASSERT_EQ(dataset.class_names.size(), 100U);
  EXPECT_EQ(dataset.class_names[0], "apple");
}

// MNIST

TEST(Mnist, ReadsPlainAndGzippedFilesOfBothNames) {
  const Small small("mnist");
  const Dataset dataset = small.opened();
  ASSERT_EQ(dataset.train->size(), 3);
  ASSERT_EQ(dataset.test->size(), 2);
  EXPECT_EQ(dataset.test->label(1), 5);
  EXPECT_EQ(sample_of(dataset, *dataset.train, 2)[0], 2);
  EXPECT_EQ(sum(sample_of(dataset, *dataset.test, 1)), 784);
  std::filesystem::rename(small.file("train-images-idx3-ubyte"), small.file("train-images.idx3-ubyte"));
  EXPECT_EQ(small.opened().train->size(), 3);
  std::filesystem::remove(small.file("train-images.idx3-ubyte"));
  EXPECT_TRUE(contains(small.error(), "train-images-idx3-ubyte: found no such file"));
}

TEST(Mnist, RefusesWhatTheHeaderDoesNotSay) {
  const Small small("mnist");
  const auto error = [&](const std::string& file, const std::string& bytes) {
    const std::string before = read_bytes(small.file(file));
    write_bytes(small.file(file), bytes);
    const std::string text = small.error();
    write_bytes(small.file(file), before);
    return text;
  };
  const std::string images = "train-images-idx3-ubyte", labels = "train-labels-idx1-ubyte";
  EXPECT_TRUE(contains(error(images, idx_images(3).substr(0, 2000)),
                       "found 2000 bytes (decompressed), expected 2368"));
  EXPECT_TRUE(contains(error(images, idx_images(3) + "x"), "expected 2368 bytes for the 3 items"));
  EXPECT_TRUE(contains(error(images, idx_labels({1})), "header of 16 bytes"));
  EXPECT_TRUE(contains(error(images, idx_labels({1, 2, 3, 4, 5, 6, 7, 8})),
                       "magic number: found 2049, expected 2051"));
  EXPECT_TRUE(contains(error(labels, idx_labels({1, 2})), "number of labels: found 2, expected 3"));
  EXPECT_TRUE(contains(error(labels, idx_labels({1, 10, 2})), "item 1: found label 10"));
  const std::string packed = gzipped(idx_images(2));
  EXPECT_TRUE(
      contains(error("t10k-images-idx3-ubyte.gz", packed.substr(0, packed.size() - 9)), "decompress"));
  std::string flipped = packed;
  flipped[flipped.size() - 6] = static_cast<char>(flipped[flipped.size() - 6] ^ 1);  // in its checksum
  EXPECT_TRUE(contains(error("t10k-images-idx3-ubyte.gz", flipped), "decompress"));
}

// Tiny-ImageNet

TEST(TinyImagenet, LabelsFollowWnidsAndGreyBecomesColour) {
  const Small small("tiny-imagenet");
  const Dataset dataset = small.opened();
  EXPECT_EQ(dataset.classes, 2);
  EXPECT_EQ(dataset.class_names, (std::vector<std::string>{"n00000002", "cat"}));
  EXPECT_EQ(dataset.test->label(0), 1);
  EXPECT_EQ(dataset.test->label(1), 0);
  const auto grey = sample_of(dataset, *dataset.test, 0), colour = sample_of(dataset, *dataset.train, 0);
  for (const std::size_t at : {0U, 4096U + 70U, 8192U + 4095U}) EXPECT_NEAR(grey[at], 77, 1);
  EXPECT_NEAR(colour[100], 200, 2);
  EXPECT_NEAR(colour[4096 + 100], 100, 2);
  EXPECT_NEAR(colour[8192 + 100], 50, 2);
}

TEST(TinyImagenet, FaultsAreNamed) {
  const Small small("tiny-imagenet");
  const auto read_error = [&](const std::string& bytes) {
    write_bytes(small.file("val/images/val_1.JPEG"), bytes);
    const Dataset dataset = small.opened();
    return error_of([&] { sample_of(dataset, *dataset.test, 1); });
  };
  const std::string good = jpeg(64, 3, {1, 2, 3});
  EXPECT_TRUE(contains(read_error(jpeg(32, 3, {1, 2, 3})),
                       "val_1.JPEG: image size: found 32 x 32, expected 64 x 64"));
  EXPECT_TRUE(
      contains(read_error(good.substr(0, good.size() / 2)), "val_1.JPEG: decode: found Premature end"));
  EXPECT_TRUE(contains(read_error("no image"), "Not a JPEG file"));
  EXPECT_TRUE(contains(read_error(""), "val_1.JPEG: decode"));
  EXPECT_TRUE(contains(read_error(jpeg(64, 4, {1, 2, 3, 4})), "Unsupported color conversion"));
  EXPECT_EQ(read_error(good), "");
  write_bytes(small.file("val/val_annotations.txt"), "val_0.JPEG\tn00000009\t0\n");
  EXPECT_TRUE(contains(small.error(), "val_annotations.txt: line 1: found class \"n00000009\""));
  write_bytes(small.file("val/val_annotations.txt"), "val_7.JPEG\tn00000001\t0\n");
  EXPECT_TRUE(contains(small.error(), "line 1: found file \"val_7.JPEG\""));
  write_bytes(small.file("wnids.txt"), "n00000002\nn00000002\n");
  EXPECT_TRUE(contains(small.error(), "wnids.txt: line 2"));
  write_bytes(small.file("wnids.txt"), "n00000002\nn00000004\n");
  EXPECT_TRUE(contains(small.error(), "n00000004"));
}

TEST(TinyImagenet, RealSubsetDecodes) {
  const std::string dir = shared_folder() + "/data/tiny-imagenet-200";
  if (!std::filesystem::exists(dir)) GTEST_SKIP() << "no Tiny-ImageNet in " << dir;
  const Dataset dataset = open("tiny-imagenet", dir);
  ASSERT_EQ(dataset.classes, 20);
  ASSERT_EQ(dataset.train->size(), 5000);
  ASSERT_EQ(dataset.test->size(), 1000);
  std::vector<int> classes(20);
  for (std::int64_t i = 0; i < 1000; ++i) {
    ++classes[static_cast<std::size_t>(dataset.test->label(i))];
    EXPECT_GT(sum(sample_of(dataset, *dataset.test, i)), 0);
  }
  EXPECT_EQ(classes, std::vector<int>(20, 50));
}

// AEDAT

TEST(Aedat2, ReadsTheDavis240Recording) {
  const std::string path = shared_folder() + "/data/aedat2-sample/IMU_translBoxes.aedat";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  const Recording recording = read_aedat2(path);
  const auto bytes = read_bytes(path);
  std::size_t pixels = 0;  // counted from the format's description
  for (std::size_t at = 175268; at < bytes.size(); at += 8) {
    const bool frame = (static_cast<unsigned char>(bytes[at]) & 0x80U) != 0;
    pixels += frame || (static_cast<unsigned char>(bytes[at + 2]) & 4U) != 0 ? 0 : 1;
  }
  EXPECT_EQ(recording.events.size(), pixels);
  EXPECT_GT(pixels, 100000U);
  EXPECT_GE(recording.events.front().time_us, 294976755);
  EXPECT_LE(recording.events.back().time_us, 297049406);
}

TEST(Aedat2, AddressesOfTheDavis240) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.aedat");
  write_bytes(
      path,
      aedat2({{179U << 22U | 239U << 12U | 1U << 11U, 50}, {1U << 31U, 60}, {3U << 22U | 7U << 12U, 40}}));
  const Recording recording = read_aedat2(path);
  ASSERT_EQ(recording.events.size(), 2U);
  EXPECT_EQ(recording.events[0].time_us, 40);
  EXPECT_EQ(recording.events[0].x, 7);
  EXPECT_FALSE(recording.events[0].on);
  EXPECT_EQ(recording.events[1].x, 239);
  EXPECT_EQ(recording.events[1].y, 179);
  EXPECT_TRUE(recording.events[1].on);
  write_bytes(path, aedat2({{180U << 22U, 1}}));
  EXPECT_TRUE(contains(error_of([&] { read_aedat2(path); }), "a.aedat: byte 44: found x 0, y 180"));
  write_bytes(path, aedat2({{0, 1}}) + "abc");
  EXPECT_TRUE(contains(error_of([&] { read_aedat2(path); }), "size: found 11 bytes after the header"));
  write_bytes(path, "RIFF");
  EXPECT_TRUE(contains(error_of([&] { read_aedat2(path); }), "expected #!AER-DAT2.0"));
}

TEST(Cifar10Dvs, AddressesAndSplit) {
  const Small small("cifar10-dvs");
  const Dataset dataset = small.opened({Framing::By::kCount, 1, 0, false, false});
  EXPECT_EQ(dataset.train->size(), 90);
  EXPECT_EQ(dataset.test->size(), 10);
  EXPECT_EQ(dataset.test->label(9), 9);
  const auto sample = sample_of(dataset, *dataset.test, 3);
  EXPECT_EQ(sum(sample), 2);
  EXPECT_EQ(sample[(128 + 126) * 128 + 126], 1);  // 0x0102: address (1, 1), ON: pixel (126, 126)
  EXPECT_EQ(sample[127 * 128 + 0], 1);            // 0x7F01: address (0, 127), OFF: pixel (0, 127)
}

// DVS128 Gesture

TEST(Aedat31, ReadsPacketsAndTheOverflowOfTime) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.aedat");
  write_bytes(path, aedat31({{{{7, 1, 2, true}, {5, 127, 126, false}}, 1, 0, 3},
                             {{{1, 9, 9, true}}, 2},
                             {{{4, 3, 3, true}}, 1, 1}}));
  const Recording recording = read_aedat31(path);
  ASSERT_EQ(recording.events.size(), 3U);  // not the packet of another type, not the spare room
  EXPECT_EQ(recording.events[0].time_us, 5);
  EXPECT_EQ(recording.events[0].x, 127);
  EXPECT_EQ(recording.events[0].y, 126);
  EXPECT_FALSE(recording.events[0].on);
  EXPECT_EQ(recording.events[1].time_us, 7);
  EXPECT_TRUE(recording.events[1].on);
  EXPECT_EQ(recording.events[2].time_us, (std::int64_t{1} << 31) + 4);
}

TEST(Aedat31, FaultsAreNamed) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.aedat"), good = aedat31({{{{7, 1, 2, true}}}});
  const auto error = [&](const std::string& bytes) {
    write_bytes(path, bytes);
    return error_of([&] { read_aedat31(path); });
  };
  EXPECT_EQ(error(good), "");
  EXPECT_TRUE(contains(error(good + "xyz"), "found 3 bytes, expected a packet's header of 28 bytes"));
  EXPECT_TRUE(
      contains(error(good.substr(0, good.size() - 1)), "a packet of 1 x 8 bytes, expected at most the 7"));
  std::string huge = good;
  huge.replace(good.size() - 8 - 12, 4, "\xff\xff\xff\xff");
  EXPECT_TRUE(contains(error(huge), "a packet of 4294967295 x 8 bytes"));
  EXPECT_TRUE(contains(error(aedat31({{{{7, 128, 2, true}}}})), "found x 128, y 2"));
  EXPECT_TRUE(contains(error("#!AER-DAT3.1\r\n#Format: RAW\r\n"), "#!END-HEADER"));
}

TEST(Dvs128Gesture, CutsTrialsByTheirTimes) {
  const Small small("dvs128-gesture");
  const Dataset dataset = small.opened({Framing::By::kTime, 2, 10, false, false});
  ASSERT_EQ(dataset.train->size(), 2);
  EXPECT_EQ(dataset.train->label(0), 0);
  EXPECT_EQ(dataset.train->label(1), 10);
  const auto first = sample_of(dataset, *dataset.train, 0), second = sample_of(dataset, *dataset.train, 1);
  EXPECT_EQ(sum(first), 2);
  EXPECT_EQ(sum(second), 1);
  const std::size_t plane = 128 * 128;
  EXPECT_EQ(first[3 * plane + 4 * 128 + 3], 1);  // 20 us: the trial's second frame
  EXPECT_EQ(first[2 * plane + 127], 1);
  EXPECT_EQ(second[plane + 127 * 128], 1);  // 31 us: 1 us after the start
  write_bytes(small.file("user_test_labels.csv"), "class,startTime_usec,endTime_usec\n12,1,2\n");
  EXPECT_TRUE(contains(small.error(), "user_test_labels.csv: line 2: found \"12,1,2\""));
  write_bytes(small.file("trials_to_train.txt"), "user_other.aedat\n");
  EXPECT_TRUE(
      contains(small.error(), "trials_to_train.txt: line 1: found \"user_other.aedat\", no readable file"));
}

// NIRData

TEST(NirData, EventsFallIntoTheStepsThatTheyEnd) {
  const Small small("nirdata");
  const Dataset dataset = small.opened({Framing::By::kTime, 4, 0, false, false});
  EXPECT_EQ(dataset.classes, 3);
  EXPECT_EQ(dataset.channels * dataset.height * dataset.width, 8);
  EXPECT_EQ(dataset.train->label(1), 2);
  const auto first = sample_of(dataset, *dataset.train, 0), second = sample_of(dataset, *dataset.train, 1);
  EXPECT_EQ(first[0], 1);  // 1 ms: step 0
  EXPECT_EQ(first[3 * 8 + 7], 1);
  EXPECT_EQ(sum(first), 2);
  EXPECT_EQ(second[8 + 3], 2);
  EXPECT_EQ(second[16 + 3], 1);
}

TEST(NirData, FramesFromTheFirstSpikeStartAtIt) {
  const Small small("nirdata");
  const Dataset dataset = small.opened({Framing::By::kTime, 4, 1000, true, false});
  const auto first = sample_of(dataset, *dataset.train, 0), second = sample_of(dataset, *dataset.train, 1);
  EXPECT_EQ(first[0], 1);  // the spike at 1 ms, and the one at 4 ms
  EXPECT_EQ(first[3 * 8 + 7], 1);
  EXPECT_EQ(second[3], 2);  // the spikes at 2 ms, and the one at 3 ms
  EXPECT_EQ(second[8 + 3], 1);
}

TEST(NirData, AGridKeepsItsSteps) {
  const TemporaryFolder folder;
  write_nir_grid(folder.file("train.h5"));
  write_nir_grid(folder.file("test.h5"));
  const Dataset dataset = open("nirdata", folder.path());
  EXPECT_EQ(dataset.frames, 4);
  EXPECT_EQ(dataset.notes.size(), 2U);
  const auto sample = sample_of(dataset, *dataset.test, 0);
  EXPECT_EQ(sample, (std::vector<std::uint8_t>{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
  write_bytes(folder.file("test.h5"), "not HDF5");
  EXPECT_TRUE(contains(error_of([&] { open("nirdata", folder.path()); }), "test.h5"));
}

TEST(Framing, OptionsWithoutEffectAreRefused) {
  const auto error = [](const char* name, const Framing& framing) {
    DatasetOptions options;
    options.framing = framing;
    return error_of([&] { open_dataset(name, options); });
  };
  EXPECT_TRUE(contains(error("shapes", {Framing::By::kTime, 4, 0, false, true}),
                       "--binary-events: found given for shapes, expected none: it has still images"));
  EXPECT_TRUE(contains(error("shapes", {Framing::By::kTime, 4, 1000, false, false}), "--frame-us"));
  EXPECT_EQ(error("shapes", {Framing::By::kTime, 4, 0, false, false}), "");
  const Small small("nirdata");
  EXPECT_TRUE(contains(error_of([&] {
                         small.opened({Framing::By::kTime, 4, 0, true, false});
                       }),
                       "--from-first-event: found no --frame-us"));
}

// npz

TEST(Npz, TypesVersionsAndShapes) {
  const std::string f8("\0\0\0\0\0\0\x08\x40", 8), f4("\0\0\x40\x40", 4);
  EXPECT_EQ(parse_npy(npy("<f8", "(1,)", f8), "f", "a").values, (std::vector<double>{3}));
  EXPECT_EQ(parse_npy(npy("<f4", "(1, 1)", f4, 2), "f", "a").values, (std::vector<double>{3}));
  EXPECT_EQ(parse_npy(npy("<i2", "(2,)", little(0xFFFF, 2) + little(5, 2), 3), "f", "a").values,
            (std::vector<double>{-1, 5}));
  EXPECT_EQ(parse_npy(npy("|b1", "()", "\1"), "f", "a").shape, (std::vector<std::int64_t>{}));
  EXPECT_TRUE(contains(error_of([&] { parse_npy(npy(">f8", "(1,)", f8), "f", "a"); }),
                       "f: a.npy: found elements of type '>f8'"));
  EXPECT_TRUE(
      contains(error_of([&] { parse_npy(npy("<f8", "(2,)", f8), "f", "a"); }), "found 8 bytes, expected 16"));
  EXPECT_TRUE(
      contains(error_of([&] { parse_npy(npy("<f8", "(99999999999999999999,)", f8), "f", "a"); }), "2^26"));
  EXPECT_TRUE(contains(error_of([&] { parse_npy("PK", "f", "a"); }), "no NumPy array"));
}

TEST(NpzFrames, StoredAndDeflatedFrames) {
  const Small small("npz-frames");
  const Dataset dataset = small.opened();
  EXPECT_EQ(dataset.frames, 2);
  EXPECT_EQ(dataset.height, 3);
  EXPECT_EQ(dataset.width, 4);
  EXPECT_EQ(dataset.class_names, (std::vector<std::string>{"0", "1"}));
  for (std::int64_t i = 0; i < 2; ++i) {
    const auto sample = sample_of(dataset, *dataset.train, i);
    EXPECT_EQ(sample[0], 2);
    EXPECT_EQ(sum(sample), 49);
  }
  EXPECT_TRUE(contains(error_of([&] {
                         small.opened({Framing::By::kTime, 3, 0, false, false});
                       }),
                       "found 2 frames, expected 3"));
  const Dataset bits = small.opened({Framing::By::kTime, 2, 0, false, true});
  EXPECT_EQ(sample_of(bits, *bits.train, 0)[0], 1);
  EXPECT_TRUE(contains(error_of([&] {
                         small.opened({Framing::By::kCount, 2, 0, false, false});
                       }),
                       "--frames-by: found given for npz-frames, expected none: it has frames already"));
  write_npz(small.file("test/1/a.npz"), "frames", npy("<f4", "(1, 1, 1, 1)", std::string("\0\0\0\x3f", 4)),
            false);
  EXPECT_TRUE(contains(error_of([&] { sample_of(dataset, *dataset.test, 1); }),
                       "found [1, 1, 1, 1], expected [2, 2, 3, 4]"));
  write_npz(small.file("test/1/a.npz"), "frames", npy("<f4", "(2, 2, 3, 4)", std::string(192, '\x3f')),
            false);
  EXPECT_TRUE(contains(error_of([&] { sample_of(dataset, *dataset.test, 1); }), "element 0"));
  write_npz(small.file("test/1/a.npz"), "events", npy("|u1", "(1,)", "\1"), false);
  EXPECT_TRUE(contains(error_of([&] { sample_of(dataset, *dataset.test, 1); }), "no \"frames\""));
  write_bytes(small.file("test/1/a.npz"), "PK");
  EXPECT_TRUE(contains(error_of([&] { sample_of(dataset, *dataset.test, 1); }), "a.npz: open"));
}

}  // namespace
}  // namespace spikeloop::models
