"""Given names that are common somewhere, to tell a person from a product at the beginning of a sentence.

Names that are ordinary words or products as well (Will, Mark, Grace, Page, Chase, Alexa ...) are left out.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NAMES = _words(
    """
    Aaron Abdul Abigail Adam Adrian Agnieszka Ahmed Aino Aisha Akira Alan Albert Alejandro Alessandro Alexander Alexandra
    Alfred Ali Alice Alicia Alison Allison Amanda Amara Amina Aminata Amir Amit Amy Ana Ananya Anastasia Anders Andre
    Andrea Andreas Andrei Andrew Andrzej Andy Angela Anil Anita Anjali Anke Ann Anna Anne Annette Anthony Antoine Anton
    Antonio Aoife Arjun Arnav Arne Arthur Arun Ashley Asif Astrid Axel Ayse Barbara Bastian Beatrice Ben Benjamin Bernard
    Bernd Beth Bettina Bianca Birgit Bjarne Bjorn Bob Bogdan Boris Brandon Brian Brigitte Bruce Bruna Bruno Camille Carl
    Carla Carlos Carmen Carol Caroline Catherine Cecilia Charles Charlie Charlotte Chen Cheng Chidi Chloe Chris Christian
    Christina Christine Christoph Christopher Claire Clara Claudia Claus Colin Connor Conor Craig Cynthia Daiki Dan Daniel
    Daniela Danielle Dave David Debbie Deborah Declan Deepak Dennis Derek Diana Diego Dieter Dimitri Dirk Dmitri Dominik
    Donald Donna Doris Dorothy Douglas Dragan Dylan Eduardo Edward Eero Eileen Ekaterina Elena Eli Elias Elisabeth
    Elizabeth Ella Ellen Elsa Emil Emilia Emily Emma Emre Eric Erica Erich Erik Erika Erin Ernst Esteban Esther Ethan Eva
    Eve Evelyn Fabian Fatima Fatou Felix Feng Fernando Fiona Florian Frances Francesca Francesco Francis Francois Frank
    Franz Fred Frederick Freja Frieda Gabriel Gabriela Gareth Gary Geoffrey George Gerald Gerd Giovanni Gisela Giulia
    Goran Gordon Greg Gregory Grzegorz Guadalupe Guido Gustav Hanna Hannah Hans Hao Harald Harold Harry Haruto Hassan
    Heather Heidi Heike Heinrich Heinz Helen Helena Helga Helmut Henrik Henry Herbert Hiroshi Holger Horst Hugo Hyun Ian
    Ibrahim Igor Ines Ingeborg Ingo Ingrid Irene Irina Iris Isaac Isabel Isabella Ivan Ivana Jack Jacob Jacques Jake James
    Jamie Jan Jane Janet Janine Jason Javier Jean Jeff Jeffrey Jelena Jenna Jennifer Jenny Jens Jeremy Jessica Jiho Jill
    Jim Jing Jiri Jisoo Joachim Joan Joanna Joao Joe Joel Johan Johannes John Jon Jonas Jonathan Jorge Jose Josef Joseph
    Joshua Juan Juergen Jukka Julia Julian Juliane Julie Jun Jurgen Justin Karen Karin Karl Karsten Katarzyna Kate
    Katharina Katherine Kathleen Katja Katrin Kavya Kazuo Keith Kelly Ken Kenji Kenneth Kerstin Kevin Kim Kirsten Klaus
    Kofi Konrad Kristin Krzysztof Kumar Kurt Kwame Kyle Lakshmi Lars Laura Lauren Layla Lea Lei Leila Lena Leo Leon
    Leonardo Li Liam Linda Linh Lisa Liu Lorenzo Louis Louise Luca Lucas Lucia Ludmila Luis Lukas Luke Lydia Magdalena
    Malgorzata Manfred Manish Manuel Marcel Marco Marcus Margaret Maria Marie Marina Mario Marion Marius Martha Martin
    Martina Mary Mateo Matthew Matthias Maurice Max Maximilian Megan Mehmet Mei Melanie Melissa Mette Michael Michaela
    Michel Michelle Miguel Mike Mikhail Mikkel Mikko Milan Milos Ming Minh Minjun Mohamed Mohammed Monica Monika Moritz
    Moussa Muhammad Mustafa Nadia Nadine Nancy Naoko Nasser Natalia Natalie Natasha Nathan Neha Neil Ngozi Nguyen Niamh
    Nicholas Nick Nico Nicolas Nicole Nikhil Nikolai Nils Nina Noah Nora Norbert Olaf Oleg Olga Oliver Olivia Omar Oscar
    Otto Ousmane Pablo Padraig Pamela Paolo Patricia Patrick Paul Paula Pavel Pedro Pekka Peter Petra Philip Philipp
    Pierre Ping Piotr Pooja Priya Qing Rachel Rafael Rahul Raj Rajesh Ralf Ralph Ramona Rania Raphael Raul Ravi Rebecca
    Reinhard Renate Rene Ricardo Richard Rita Rob Robert Roberto Robin Rodrigo Roger Rohan Rohit Roland Rolf Roman Ron
    Ronald Rosa Rui Ruth Ryan Sabine Sabrina Said Sakura Sam Samantha Samir Samuel Sandeep Sandra Sanjay Saoirse Sara
    Sarah Sascha Scott Sean Sebastian Seojun Sergei Sergio Sharon Shawn Shreya Sigrid Silke Silvia Simon Simone Siobhan
    Sipho Sneha Sofia Solveig Sonja Sophia Sophie Stefan Stefanie Stephan Stephanie Stephen Steve Steven Stuart Sunil
    Suresh Susan Susanne Sven Svetlana Swati Sylvia Takashi Tamara Tania Tanja Tao Tariq Tatiana Tatyana Teresa Terry
    Thabo Theo Theresa Thiago Thomas Thorsten Tiago Tim Timo Timothy Tina Tobias Todd Tom Tomas Tomasz Tommy Tony Torsten
    Travis Tunde Tyler Udo Ulrich Ulrike Ursula Uwe Vanessa Vera Verena Veronica Victor Victoria Vijay Vikas Vikram Viktor
    Vincent Viola Vivek Vladimir Volker Walter Wang Wei Wendy Werner Wilhelm William Wolfgang Xavier Xiao Xin Xochitl Yan
    Yara Yasmin Ying Yong Yuki Yusuf Yuto Yvonne Zainab Zanele Zbigniew Zeynep Zhang Zoe Zoran
    """
)
