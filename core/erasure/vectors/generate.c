// Makes vectors.json with Intel's ISA-L, which shares no code with Shoal: cc generate.c -lisal -o generate && ./generate > vectors.json
// Data row j, byte i is byte 64 j + i of a xorshift32 sequence (seed 0x53484f41, low byte of each state).
#include <isa-l/erasure_code.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SIZE 64

static const int shapes[][2] = {{1, 3}, {2, 4}, {3, 7}, {4, 64}, {10, 16}, {16, 40}, {31, 33}, {32, 64}};

int main(void) {
  printf("{\n  \"source\": \"ISA-L 2.30 gf_gen_cauchy1_matrix and ec_encode_data, made by generate.c\",\n  \"cases\": [");
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    const int k = shapes[s][0], n = shapes[s][1];
    unsigned char *matrix = malloc((size_t)n * k), *tables = malloc((size_t)32 * k * (n - k));
    unsigned char *rows[64];
    uint32_t x = 0x53484f41;
    for (int r = 0; r < n; r++) rows[r] = calloc(1, SIZE);
    for (int j = 0; j < k; j++)
      for (int i = 0; i < SIZE; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        rows[j][i] = (unsigned char)x;
      }
    gf_gen_cauchy1_matrix(matrix, n, k);
    ec_init_tables(k, n - k, matrix + k * k, tables);
    ec_encode_data(SIZE, k, n - k, tables, rows, rows + k);
    printf("%s\n    { \"k\": %d, \"n\": %d, \"parity\": [", s ? "," : "", k, n);
    for (int r = k; r < n; r++) {
      printf("%s\n      \"", r > k ? "," : "");
      for (int i = 0; i < SIZE; i++) printf("%02x", rows[r][i]);
      printf("\"");
    }
    printf("\n    ] }");
  }
  printf("\n  ]\n}\n");
  return 0;
}
