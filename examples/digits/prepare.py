"""Writes the digits that scikit-learn ships to data/: 1,797 pictures of 8 x 8 pixels in 17 shades, and labels."""

from pathlib import Path

from sklearn.datasets import load_digits

README = """\
digits.csv: one handwritten digit per line. 64 pixels, row by row, each 0 (white) to 16 (black), then the digit.

Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits" (the test set), UCI Machine Learning
Repository, 1998, as shipped with scikit-learn.
"""


def main() -> None:
    digits = load_digits()
    data = Path("data")
    data.mkdir(exist_ok=True)
    header = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)] + ["digit"]
    rows = (
        [*(int(shade) for shade in pixels), int(digit)]
        for pixels, digit in zip(digits.data, digits.target, strict=True)
    )
    lines = [",".join(map(str, row)) for row in (header, *rows)]
    (data / "digits.csv").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    (data / "README.txt").write_text(README, encoding="utf-8", newline="\n")
    print(f"data/digits.csv: {len(lines) - 1} digits")


if __name__ == "__main__":
    main()
